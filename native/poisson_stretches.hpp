// Passes over rows of counts under components that no cache holds.
//
// A group of rows meets the components of a stretch of columns, then those of the next stretch: what
// one row brings from memory the others find in a cache. The columns of a row are in order.
#pragma once

#include "poisson_row.hpp"
#include "stored_counts.hpp"

namespace cofactor::COFACTOR_ISA {

// How many rows a group has: many, but there are groups for threads to share.
COFACTOR_INLINE size_t rows_of_group(size_t rows) {
    constexpr size_t least = 512, most = 2048, groups = 16, step = 16;
    return smaller(larger(round_up(rows / groups, step), least), most);
}

// How many stretches columns are cut into: one, unless rows have a few vectors in each of them, and
// a group meets its components several times.
template <class T, class I>
size_t stretches_of(const Csr<T, I>& X, const PoissonModel<T>& model) {
    constexpr size_t bytes = 4 << 20, least_stored = 64, least_met = 2;
    const size_t width = model.columns.columns + model.rest.columns, d = model.columns.rows;
    const size_t stretches = (d * width * sizeof(T) + bytes - 1) / bytes;
    const size_t stored = static_cast<size_t>(X.indptr[X.rows]);
    const size_t group = smaller(rows_of_group(X.rows), X.rows);
    const bool often = stored >= least_stored * stretches * X.rows &&
                       stored * group >= least_met * d * X.rows;
    return often && !model.weights ? larger<size_t>(1, stretches) : 1;
}

// A part of a stored row. What is asked for ahead is the same stretch of the row that follows.
template <class T, class I>
struct RowPart : StoredRow<T, I, T> {
    const I* next_columns;
    const T* next_counts;

    COFACTOR_INLINE void ask(size_t p) const {
        constexpr size_t line = 64;
        for (size_t i = 0; i < lanes<T> * sizeof(I); i += line)
            __builtin_prefetch(reinterpret_cast<const char*>(next_columns + p) + i);
        __builtin_prefetch(next_counts + p);
    }
};

// What passes over a group of rows find: sums of rates times components, and log-likelihoods but for
// prices, both added up over stretches.
template <class T, class I>
class StretchedPasses {
public:
    StretchedPasses(Csr<T, I> X, const PoissonModel<T>& model)
        : X_(X),
          rows_(X),
          model_(model),
          stretches_(stretches_of(X, model)),
          width_(padded_width(model)),
          group_(many() ? rows_of_group(X.rows) : 0),
          begun_(group_ + 1),
          nats_(group_),
          explained_(group_ * width_),
          found_(width_) {
        __builtin_memset(found_, 0, width_ * sizeof(T));
    }

    // Whether there are several stretches; if not, no rows are passed here.
    bool many() const { return stretches_ > 1; }

    size_t group() const { return group_; }

    // Pass over rows, no more than a group, at codes (n, k). Without likelihoods, nats are 0 or -inf.
    void pass(size_t first, size_t last, const T* codes, bool likelihoods) {
        first_ = first;
        __builtin_memset(explained_, 0, (last - first) * width_ * sizeof(T));
        for (size_t n = first; n <= last; ++n) begun_[n - first] = begin(n);
        for (size_t n = first; n < last; ++n) nats_[n - first] = 0;
        for (size_t s = 0; s < stretches_; ++s)
            for (size_t n = first; n < last; ++n)
                meet(s, n, codes + n * model_.k, likelihoods);
    }

    double nats(size_t n) const { return nats_[n - first_]; }
    const T* explained(size_t n) const { return explained_ + (n - first_) * width_; }
    bool counted(size_t n) { return COFACTOR_ISA::counted(rows_.open(n)); }

private:
    size_t begin(size_t n) const { return static_cast<size_t>(X_.indptr[n]); }

    void meet(size_t stretch, size_t n, const T* z, bool likelihoods) {
        size_t* const begun = begun_ + (n - first_);
        const size_t from = *begun, to = end_of(stretch, from, begin(n + 1));
        if (from == to) return;
        *begun = to;
        const RowPart<T, I> row{rows_.part(from, to), X_.indices + begun[1], X_.data + begun[1]};
        const Explained<T> found{found_};
        nats_[n - first_] += likelihoods ? log_likelihood(model_, row, z, found)
                                         : -explain_alone(model_, row, z, found);
        T* const sums = explained_ + (n - first_) * width_;
        for (size_t c = 0; c < width_; c += lanes<T>)
            store<T>(sums + c, load(sums + c) + load(found_ + c));
    }

    // Where the entries of a row that are left end in a stretch: near where they would if they were
    // spread evenly, or else anywhere.
    size_t end_of(size_t stretch, size_t from, size_t last) const {
        constexpr size_t near = 64;
        const size_t bound = model_.columns.rows * (stretch + 1) / stretches_;
        const auto before = [&](size_t at) { return static_cast<size_t>(X_.indices[at]) < bound; };
        const size_t guess = from + (last - from) / (stretches_ - stretch);
        size_t least = from, most = last;
        if (guess >= from + near && before(guess - near)) least = guess - near;
        if (guess + near < last && !before(guess + near)) most = guess + near;
        while (least < most) {
            const size_t middle = (least + most) / 2;
            if (before(middle))
                least = middle + 1;
            else
                most = middle;
        }
        return least;
    }

    const Csr<T, I> X_;
    StoredRows<T, Csr<T, I>> rows_;
    const PoissonModel<T>& model_;
    const size_t stretches_, width_, group_;
    const Scratch<size_t> begun_;  // the first entry of each row that no stretch has had yet
    const Scratch<double> nats_;
    const Scratch<T> explained_, found_;
    size_t first_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA
