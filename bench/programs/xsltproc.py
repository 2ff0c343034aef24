# SPDX-License-Identifier: MIT
"""xsltproc.py - libxml2 and libxslt on a generated catalogue

4.9 million calls of malloc and 230 000 of realloc, of 67 bytes on average; most are
alive until the end.
"""

import random

import workloads

SHEET = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="xml" indent="yes"/>
<xsl:key name="by-author" match="book" use="author"/>
<xsl:template match="/catalogue">
<list>
<xsl:for-each select="book">
<xsl:sort select="title"/>
<entry number="{@id}" others="{count(key('by-author', author))}">
<xsl:value-of select="concat(title, ': ', substring(text, 1, 60))"/>
<xsl:apply-templates select="chapter[@pages &gt; 20]"/>
</entry>
</xsl:for-each>
</list>
</xsl:template>
<xsl:template match="chapter"><part><xsl:copy-of select="@*"/><xsl:value-of select="."/></part></xsl:template>
</xsl:stylesheet>
"""


def catalogue(books):
    """Books with attributes, text and chapters."""
    chance = random.Random(1)
    return "<catalogue>\n" + "".join(
        f'<book id="b{number}" year="{chance.randrange(1900, 2020)}"><title>Title {chance.randrange(10**6)}</title>'
        f"<author>Author {chance.randrange(books // 10)}</author><text>{'some words ' * chance.randrange(30)}</text>"
        + "".join(f'<chapter pages="{chance.randrange(1, 60)}">Chapter {i} &amp; more</chapter>'
                  for i in range(chance.randrange(12))) + "</book>\n"
        for number in range(books)) + "</catalogue>\n"


class Xsltproc(workloads.Command):
    """xsltproc: a document parsed into a tree, keyed, sorted and transformed."""

    needs = {"xsltproc": "xsltproc"}
    amount = 24000

    def argv(self):
        return ["xsltproc", "--output", self.path("list.xml"), self.input("list.xsl", lambda: SHEET),
                self.input("catalogue.xml", lambda: catalogue(self.amount))]

    def result(self):
        return workloads.checksum(self.path("list.xml"))
