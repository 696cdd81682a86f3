// Groups of components near each other, for bounds that hold for a whole group.
#pragma once

#include "lloyd_space.hpp"

namespace cofactor::COFACTOR_ISA {

// Cuts components in two along their principal direction until the parts are no larger than a
// group; all groups but the last are full.
template <class T>
class Grouping {
public:
    Grouping(const double* means, const LloydSpace<T>& space)
        : means_(means), space_(space), order_(space.k), spare_(space.k), keys_(space.k), spare_keys_(space.k),
          mean_(space.d), direction_(space.d), next_(space.d) {}

    void run() {
        for (size_t c = 0; c < space_.k; ++c) order_[c] = static_cast<Label>(c);
        cut(0, space_.k);
        for (size_t s = 0; s < space_.slots; ++s) space_.members[s] = -1;
        for (size_t s = 0; s < space_.k; ++s) {
            space_.members[s] = order_[s];
            space_.places[order_[s]] = static_cast<Label>(s);
        }
    }

private:
    void cut(size_t begin, size_t end) {
        const size_t groups = (end - begin + space_.group_size - 1) / space_.group_size;
        if (groups < 2) return;
        project(begin, end);
        sort(begin, end);
        const size_t middle = begin + groups / 2 * space_.group_size;
        cut(begin, middle);
        cut(middle, end);
    }

    const double* vector(size_t i) const {
        return means_ + static_cast<size_t>(order_[i]) * space_.d;
    }

    // Project onto the principal direction, found by power iteration from the farthest component.
    void project(size_t begin, size_t end) {
        constexpr int steps = 6;
        fill(mean_, 0.0);
        for (size_t i = begin; i < end; ++i) add(mean_, 1.0 / static_cast<double>(end - begin), i);
        fill(direction_, 0.0);
        double farthest = -1;
        for (size_t i = begin; i < end; ++i) {
            const double* const e = vector(i);
            const double square = sum_of(space_.d, [&](size_t l) {
                return (e[l] - mean_[l]) * (e[l] - mean_[l]);
            });
            if (!(square > farthest)) continue;
            farthest = square;
            for (size_t l = 0; l < space_.d; ++l) direction_[l] = e[l] - mean_[l];
        }
        for (int step = 0; step < steps; ++step) refine(begin, end);
        for (size_t i = begin; i < end; ++i) keys_[i] = projection(i);
    }

    void refine(size_t begin, size_t end) {
        fill(next_, 0.0);
        double total = 0;
        for (size_t i = begin; i < end; ++i) {
            const double weight = projection(i);
            add(next_, weight, i);
            total += weight;
        }
        for (size_t l = 0; l < space_.d; ++l) next_[l] -= total * mean_[l];
        const double square = sum_of(space_.d, [&](size_t l) { return next_[l] * next_[l]; });
        if (!(square > 0)) return;
        const double factor = 1 / __builtin_sqrt(square);
        for (size_t l = 0; l < space_.d; ++l) direction_[l] = factor * next_[l];
    }

    double projection(size_t i) const {
        const double* const e = vector(i);
        return sum_of(space_.d, [&](size_t l) { return (e[l] - mean_[l]) * direction_[l]; });
    }

    void fill(double* values, double value) const {
        for (size_t l = 0; l < space_.d; ++l) values[l] = value;
    }

    void add(double* __restrict values, double weight, size_t i) const {
        const double* __restrict const e = vector(i);
        for (size_t l = 0; l < space_.d; ++l) values[l] += weight * e[l];
    }

    // Stable merge sort by key.
    void sort(size_t begin, size_t end) {
        for (size_t run = 1; run < end - begin; run *= 2) {
            for (size_t first = begin; first < end; first += 2 * run)
                merge(first, smaller(first + run, end), smaller(first + 2 * run, end));
            for (size_t i = begin; i < end; ++i) {
                keys_[i] = spare_keys_[i];
                order_[i] = spare_[i];
            }
        }
    }

    void merge(size_t begin, size_t middle, size_t end) {
        size_t left = begin, right = middle;
        for (size_t i = begin; i < end; ++i) {
            const bool take_left = left < middle && (right == end || keys_[left] <= keys_[right]);
            const size_t from = take_left ? left++ : right++;
            spare_keys_[i] = keys_[from];
            spare_[i] = order_[from];
        }
    }

    const double* const means_;
    const LloydSpace<T>& space_;
    const Scratch<Label> order_, spare_;
    const Scratch<double> keys_, spare_keys_, mean_, direction_, next_;
};

}  // namespace cofactor::COFACTOR_ISA
