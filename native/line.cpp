// The best partition of points on a line [Wang & Song 2011; Gronlund et al. 2017].
//
// Clusters of an optimum are intervals, so that D_m(j), the least cost of the first j points in m
// clusters, is the minimum over i of D_{m-1}(i) + cost(i, j). The best i does not fall as j grows:
// halving finds a whole layer with n log n costs. Layers are not kept: the two halves of the
// clusters, one from either end, say where they meet, and each half is solved anew [Hirschberg
// 1975], in memory that grows with n alone.
//
// Costs come from running sums of w, w x and w x^2, of which nearly all cancels where clusters are
// far apart. So they are sums of two doubles each, with 106 bits [Dekker 1971]. This file is
// compiled once, without contractions, which would break them.
#include "kernels.hpp"

namespace cofactor {
namespace {

constexpr double infinite = __builtin_inf();

size_t smaller(size_t a, size_t b) { return b < a ? b : a; }

struct Pair {
    double high, low;
};

Pair fast_sum(double a, double b) {  // |a| >= |b|
    const double s = a + b;
    return {s, b - (s - a)};
}

Pair exact_sum(double a, double b) {
    const double s = a + b, part = s - a;
    return {s, (a - (s - part)) + (b - part)};
}

Pair exact_product(double a, double b) {
    const double p = a * b;
#if defined(__aarch64__) || defined(__FMA__)
    return {p, __builtin_fma(a, b, -p)};
#else
    constexpr double splitter = 134217729;  // 2^27 + 1
    const double ta = splitter * a, tb = splitter * b;
    const double a1 = ta - (ta - a), a2 = a - a1;
    const double b1 = tb - (tb - b), b2 = b - b1;
    return {p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

Pair operator+(Pair a, Pair b) {
    const Pair s = exact_sum(a.high, b.high), t = exact_sum(a.low, b.low);
    const Pair u = fast_sum(s.high, s.low + t.high);
    return fast_sum(u.high, u.low + t.low);
}

Pair operator-(Pair a) { return {-a.high, -a.low}; }

Pair operator-(Pair a, Pair b) { return a + -b; }

Pair operator*(double a, Pair b) {
    const Pair p = exact_product(a, b.high);
    return fast_sum(p.high, p.low + a * b.low);
}

// What the sums of w, w x and w x^2 before each point are.
struct Sums {
    Pair *weight, *first, *second;

    void fill(LinePoints points) const {
        weight[0] = first[0] = second[0] = {0, 0};
        for (size_t j = 0; j < points.size; ++j) {
            const double w = points.weights[j], x = points.values[j];
            const Pair moment = exact_product(w, x);
            weight[j + 1] = weight[j] + Pair{w, 0};
            first[j + 1] = first[j] + moment;
            second[j + 1] = second[j] + x * moment;
        }
    }

    // The weighted squared distances of the points i ... j - 1 from their mean.
    double cost(size_t i, size_t j) const {
        if (j - i < 2) return 0;
        const Pair w = weight[j] - weight[i], s = first[j] - first[i], q = second[j] - second[i];
        const double mean = s.high / w.high;
        const Pair rest = s - mean * w;  // what the mean's rounding leaves
        const Pair squares = (q - mean * s) - mean * rest;
        const double total = squares.high - rest.high * rest.high / w.high;
        return total > 0 ? total : 0;
    }

    // At most that, and sooner: differences are off by a few roundings of their own size.
    double bound(size_t i, size_t j) const {
        constexpr double few_roundings = 0x1p-47;
        const double w = difference(weight[i], weight[j]), s = difference(first[i], first[j]);
        const double q = difference(second[i], second[j]), square = s * (s / w);
        return q - square - few_roundings * (q + square);
    }

private:
    static double difference(Pair a, Pair b) { return (b.high - a.high) + (b.low - a.low); }
};

// The points first ... last - 1, counted from either end.
struct Stretch {
    Sums sums;
    size_t first, last;
    bool backwards;

    size_t size() const { return last - first; }

    double bound(size_t i, size_t j) const {
        return backwards ? sums.bound(last - j, last - i) : sums.bound(first + i, first + j);
    }

    double cost(size_t i, size_t j) const {
        return backwards ? sums.cost(last - j, last - i) : sums.cost(first + i, first + j);
    }
};

// Where the last cluster of some first points begins, and what they cost then.
struct Last {
    size_t begin;
    double total;
};

// The least from[i] + cost(i, j) of i = least ... most; of equal ones the first. Costs in doubles
// find the likely one; the others are looked at if their bounds do not rule them out.
Last best_last(const Stretch& stretch, const double* from, size_t j, size_t least, size_t most) {
    Last best = {least, infinite};
    for (size_t i = least; i <= most; ++i) {
        const double total = from[i] + stretch.bound(i, j);
        if (total < best.total) best = {i, total};
    }
    best.total = from[best.begin] + stretch.cost(best.begin, j);
    for (size_t i = least; i <= most; ++i) {
        if (i == best.begin || from[i] + stretch.bound(i, j) > best.total) continue;
        const double total = from[i] + stretch.cost(i, j);
        if (total < best.total || (total == best.total && i < best.begin)) best = {i, total};
    }
    return best;
}

// Set to[begin ... end - 1] to the least from[i] + cost(i, j), given that the best i are from
// least ... most.
void halve(const Stretch& stretch, const double* from, double* to, size_t begin, size_t end,
           size_t least, size_t most) {
    while (begin < end) {
        const size_t j = begin + (end - begin) / 2;
        const Last best = best_last(stretch, from, j, least, smaller(most, j - 1));
        to[j] = best.total;
        halve(stretch, from, to, begin, j, least, best.begin);
        begin = j + 1, least = best.begin;
    }
}

// Set costs[j] to the least cost of the first j points in `clusters` clusters, none empty.
void layers(const Stretch& stretch, size_t clusters, double* costs, double* before) {
    const size_t n = stretch.size();
    costs[0] = infinite;
    for (size_t j = 1; j <= n; ++j) costs[j] = stretch.cost(0, j);
    for (size_t m = 2; m <= clusters; ++m) {
        for (size_t j = 0; j <= n; ++j) before[j] = costs[j], costs[j] = infinite;
        halve(stretch, before, costs, m, n + 1, m - 1, n);
    }
}

struct Solver {
    Sums sums;
    double *ahead, *behind, *before;
    std::int64_t* edges;

    // Write the inner edges of the best `clusters` clusters of the points first ... last - 1 to
    // edges[place], edges[place + 1] ...
    void split(size_t first, size_t last, size_t clusters, size_t place) const {
        if (clusters < 2) return;
        const size_t left = clusters / 2, right = clusters - left, n = last - first;
        layers({sums, first, last, false}, left, ahead, before);
        layers({sums, first, last, true}, right, behind, before);
        double best = infinite;
        size_t meeting = left;
        for (size_t j = left; j + right <= n; ++j) {
            const double total = ahead[j] + behind[n - j];
            if (total < best) best = total, meeting = j;
        }
        edges[place + left - 1] = static_cast<std::int64_t>(first + meeting);
        split(first, first + meeting, left, place);
        split(first + meeting, last, right, place + left);
    }
};

}  // namespace

size_t line_space(size_t n) { return (n + 1) * (3 * sizeof(Pair) + 3 * sizeof(double)) + 64; }

double partition_line(LinePoints points, size_t clusters, std::int64_t* edges, char* space) {
    const size_t n = points.size, misfit = reinterpret_cast<std::uintptr_t>(space) % 16;
    Pair* const pairs = reinterpret_cast<Pair*>(space + (misfit ? 16 - misfit : 0));
    const Sums sums = {pairs, pairs + (n + 1), pairs + 2 * (n + 1)};
    double* const costs = reinterpret_cast<double*>(pairs + 3 * (n + 1));
    sums.fill(points);
    edges[0] = 0, edges[clusters] = static_cast<std::int64_t>(n);
    Solver{sums, costs, costs + (n + 1), costs + 2 * (n + 1), edges}.split(0, n, clusters, 1);
    double total = 0;
    for (size_t c = 0; c < clusters; ++c)
        total += sums.cost(static_cast<size_t>(edges[c]), static_cast<size_t>(edges[c + 1]));
    return total;
}

}  // namespace cofactor
