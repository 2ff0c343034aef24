/* SPDX-License-Identifier: MIT */
/* containers.cpp - input that makes a C++ compiler allocate much
 *
 * Many containers of many element types, each with its own instantiations.  The
 * demonstration compiles it and does not run it.
 */
#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

/* N makes each use a different type, so that nothing is instantiated only once. */
template <int N>
struct item {
	std::string name;
	std::vector<double> values;
	std::variant<int, std::string, std::vector<int>> extra;

	bool operator<(const item &other) const
	{
		return std::tie(name, values) < std::tie(other.name, other.values);
	}
};

/* A shop of items that goes through most of the standard containers. */
template <int N>
struct shop {
	std::map<std::string, item<N>> by_name;
	std::unordered_map<std::string, std::shared_ptr<item<N>>> shared;
	std::set<item<N>> sorted;
	std::deque<std::list<item<N>>> queues;
	std::vector<std::function<bool(const item<N> &)>> filters;

	void add(item<N> it)
	{
		by_name.emplace(it.name, it);
		shared[it.name] = std::make_shared<item<N>>(it);
		sorted.insert(it);
		queues.emplace_back().push_back(std::move(it));
	}

	std::size_t count(double limit) const
	{
		return std::count_if(sorted.begin(), sorted.end(), [limit](const item<N> &it) {
			return !it.values.empty() && it.values.front() > limit;
		});
	}

	std::vector<item<N>> best(std::size_t wanted) const
	{
		std::vector<item<N>> all(sorted.begin(), sorted.end());

		std::stable_sort(all.begin(), all.end(), [](const auto &a, const auto &b) {
			return a.values.size() > b.values.size();
		});
		all.resize(std::min(wanted, all.size()));
		return all;
	}
};

/* Uses shop<N> and all those below it. */
template <int N>
std::size_t trade(const std::string &name)
{
	shop<N> here;

	here.filters.push_back([](const item<N> &it) { return it.name.size() > N; });
	here.add({name, {1.0 * N, 2.0}, std::vector<int>{N}});
	std::size_t sum = here.count(N) + here.best(3).size();

	if constexpr (N > 0)
		sum += trade<N - 1>(name);
	return sum;
}

/* Each step more makes the compiler work for half a second or a second longer. */
constexpr int steps = 0;

std::size_t trade_all(const std::string &name)
{
	return trade<steps>(name);
}
