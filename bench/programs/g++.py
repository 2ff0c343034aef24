# SPDX-License-Identifier: MIT
"""g++.py - a C++ compiler on generated classes; in the demonstration, on
examples/containers.cpp

1.8 million calls of malloc and 55 000 of realloc, of 340 bytes on average; trees are
in pages of the compiler's own collector, all that passes work with is not.  The
assembler adds 15 000.
"""

import os
import random

import workloads

HEAD = """\
#include <map>
#include <memory>
#include <string>
#include <vector>

struct shape {
	virtual ~shape() = default;
	virtual double area(double scale) const = 0;
	std::string name;
	std::map<std::string, std::vector<double>> parts;
};

template <typename T>
double sum(const std::vector<T> &all, double scale)
{
	double total = 0;
	for (const auto &one : all)
		total += one.area(scale);
	return total;
}
"""


def source(classes):
    """Classes with members, virtual functions and uses of templates."""
    chance = random.Random(1)
    return HEAD + "".join(one_class(number, chance) for number in range(classes))


def one_class(number, chance):
    """A class that no other is like, so that each is instantiated and optimized anew."""
    members = chance.randint(3, 8)
    fields = "".join(f"\tdouble m{i} = {chance.random():.6f};\n" for i in range(members))
    steps = "".join(statement(chance, members) for _ in range(chance.randint(3, 12)))
    return f"""
struct shape_{number} final : shape {{
{fields}
	double area(double scale) const override
	{{
		double a = scale, b = m0;
{steps}\t\treturn a + b;
	}}
}};

double use_{number}(const std::vector<shape_{number}> &all, double scale)
{{
	std::unique_ptr<shape> one = std::make_unique<shape_{number}>();
	return sum(all, scale) + one->area(scale);
}}
"""


def statement(chance, members):
    """One step of a computation."""
    one, two, value = chance.randrange(members), chance.randrange(members), chance.randrange(2, 90)
    return chance.choice((
        f"\t\ta += m{one} * {value} - b / (m{two} + 1);\n",
        f"\t\tif (a > m{one} * b)\n\t\t\tb -= m{two};\n\t\telse\n\t\t\ta = b * {value};\n",
        f"\t\tfor (int i = 0; i < {value}; i++)\n\t\t\tb += i * m{one} + a;\n",
        f"\t\tif (auto it = parts.find(\"part {value}\"); it != parts.end())\n\t\t\ta += it->second.size();\n"))


class Compiler(workloads.Command):
    """g++ -O2: classes, templates, loops; the peak is that of the compiler proper."""

    compiler = "g++"
    needs = {"g++": "g++"}
    amount = 30

    def argv(self):
        return [self.compiler, "-std=c++17", *self.task(), "-c", "-o", self.path("object")]

    def task(self):
        """How much to optimize of which file."""
        if self.size == workloads.DEMO:
            return "-O1", os.path.join(workloads.EXAMPLES, "containers.cpp")
        return "-O2", self.input("shapes.cpp", lambda: source(self.amount))

    def result(self):
        """The object file, in short."""
        return workloads.checksum(self.path("object"))
