// SPDX-License-Identifier: MIT
// workload.cc - templates for a compiler to instantiate
#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

template <int N> struct Table {
	std::map<std::string, std::vector<std::function<int(int)>>> entries;
	Table<N - 1> next;
	int run(int x) const
	{
		int sum = next.run(x);
		for (auto &[name, functions] : entries)
			for (auto &f : functions)
				sum += f(static_cast<int>(name.size()) + N);
		return sum;
	}
};

template <> struct Table<0> {
	int run(int x) const { return x; }
};

int use(const std::vector<std::string> &words)
{
	Table<12> table;
	std::unordered_map<std::string, int> count;
	std::regex pattern("([a-z]+)([0-9]*)");
	for (auto &word : words)
		if (std::regex_match(word, pattern))
			count[std::regex_replace(word, pattern, "$2$1")]++;
	std::vector<std::pair<std::string, int>> sorted(count.begin(), count.end());
	std::sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second < b.second; });
	return table.run(static_cast<int>(sorted.size()));
}
