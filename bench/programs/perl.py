# SPDX-License-Identifier: MIT
"""perl.py - the Perl interpreter on hashes, arrays and strings

2.3 million calls of malloc and 250 000 of realloc, of 40 bytes on average, freed in
the order of reference counts.
"""

import workloads

SCRIPT = r"""
use strict;
use warnings;
my ($records, $seed, %index, @log) = ($ARGV[0], 1);
sub chance { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $_[0]; }
sub word { return join '', map { chr(97 + chance(26)) } 1 .. 3 + chance(9); }
for my $number (1 .. $records) {
    my $record = { id => $number, name => word(), tags => [map { word() } 1 .. chance(5)] };
    push @{ $index{substr $record->{name}, 0, 2} }, $record;
    push @log, join ' ', $number, $record->{name}, @{ $record->{tags} };
}
for my $round (1 .. 3) {
    for my $key (sort keys %index) {
        my @kept = grep { chance(3) } @{ $index{$key} };
        push @kept, map { { %$_, tags => [reverse @{ $_->{tags} }], name => ucfirst "$_->{name}x" } }
            @kept[0 .. $#kept / 2];
        $index{$key} = \@kept;
    }
    s/(\w+)$/$1-$round/ for @log;
}
my ($sum, %count) = (0);
$count{$_}++ for map { split /\W+/ } @log;
for my $record (map { @$_ } values %index) { $sum += $record->{id} * length $record->{name}; }
print scalar(keys %count), " $sum ", length(join "\n", sort @log), "\n";
"""


class Perl(workloads.Command):
    """Perl: records in hashes of arrays, text joined, split and matched."""

    needs = {"perl": "perl"}
    variables = {"PERL_HASH_SEED": "0"}
    amount, quick_amount = 40000, 12000

    def argv(self):
        return ["perl", self.input("records.pl", lambda: SCRIPT), str(self.amount)]
