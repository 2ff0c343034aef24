// SPDX-License-Identifier: MIT
// objects_and_tables.cc - plain C++: objects, a table of them, a copy of the table, and
// objects made of the copy
//
// Every member is initialised.  The padding behind `is_set` is not, and a copy takes it along.
#include "../harness.h"

#include <memory>
#include <vector>

namespace {

struct Record {
	long id;
	bool is_set;
	Record(long number, bool set) : id(number), is_set(set) {}
};

using Objects = std::vector<std::unique_ptr<Record>>;

// The copy of a table of `count` records, in a vector of twice the room.
std::vector<Record> copied_table(size_t count)
{
	std::vector<Record> table, copy;
	table.reserve(count);
	for (size_t i = 0; i < count; i++)
		table.emplace_back(static_cast<long>(i), i % 3 == 0);
	copy.reserve(2 * count);
	copy.insert(copy.end(), table.begin(), table.end());
	return copy;
}

void objects_tables_objects(size_t nr_objects, size_t nr_records)
{
	Objects objects;
	objects.reserve(nr_objects + nr_records);
	for (size_t i = 0; i < nr_objects; i++)
		objects.push_back(std::make_unique<Record>(static_cast<long>(i), true));
	while (!objects.empty())
		objects.pop_back();
	for (const Record &record : copied_table(nr_records))
		objects.push_back(std::make_unique<Record>(record));
	for (size_t i = 0; i < nr_records; i++)
		CHECK(objects[i]->id == static_cast<long>(i) && objects[i]->is_set == (i % 3 == 0));
}

void once() { objects_tables_objects(100000, 5000); }

void of_many_sizes()
{
	uint64_t random = test_seed();
	for (size_t round = 0; round < test_pick(10, 50, 500); round++)
		objects_tables_objects(test_random(&random) % 200000, test_random(&random) % 20000);
}

const test_case cases[] = {
	{"100,000 objects, a table of 5,000", once, 0, 60, 0, nullptr},
	{"objects and tables of many sizes", of_many_sizes, 0, 300, 0, nullptr},
};

} // namespace

HARNESS_MAIN(cases)
