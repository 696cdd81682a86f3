// Rows of counts in pieces that take about as long as each other, which threads share.
#pragma once

#include "counts.hpp"
#include "pieces.hpp"

namespace cofactor::COFACTOR_ISA {

// What the rows before row n take, in stored entries.
template <class Stored>
COFACTOR_INLINE double cost_before(const Stored& X, size_t n) {
    constexpr double row = 64;
    return static_cast<double>(X.indptr[n]) + row * static_cast<double>(n);
}

template <class T>
COFACTOR_INLINE double cost_before(const Matrix<const T>& X, size_t n) {
    constexpr double as_stored = 4, row = 64;  // entries that take as long as a stored one
    return (static_cast<double>(X.columns) / as_stored + row) * static_cast<double>(n);
}

// Where rows are cut: into whole blocks, as many of which make a piece as it takes.
template <class Rows>
class RowPieces {
public:
    RowPieces(const Rows& X, size_t block)
        : X_(X),
          block_(block),
          blocks_((X.rows + block - 1) / block),
          all_(cost_before(X, X.rows)) {
        constexpr double least = 1 << 14;  // in stored entries
        count_ = larger<size_t>(1, smaller(blocks_, static_cast<size_t>(all_ / least)));
    }

    size_t count() const { return count_; }

    // The first row of a piece, or where the last one ends.
    size_t first(size_t piece) const {
        const double before = all_ * static_cast<double>(piece) / static_cast<double>(count_);
        size_t least = 0, most = blocks_;
        while (least < most) {
            const size_t middle = (least + most) / 2;
            if (cost_before(X_, row(middle)) < before)
                least = middle + 1;
            else
                most = middle;
        }
        return row(least);
    }

private:
    size_t row(size_t block) const { return smaller(block * block_, X_.rows); }

    const Rows& X_;
    const size_t block_, blocks_;
    const double all_;
    size_t count_;
};

// visit(first, last) for pieces of rows, whole blocks each.
template <class Rows, class Visit>
void share_rows(std::int64_t* board, const Rows& X, size_t block, Visit visit) {
    const RowPieces<Rows> pieces(X, block);
    RangedPieces(board, pieces.count(), [&](size_t piece) {
        const size_t first = pieces.first(piece), last = pieces.first(piece + 1);
        if (first < last) visit(first, last);
    }).run();
}

// The same for rows whose codes are at `start` by then.
template <class Rows, class T, class Visit>
void share_rows(std::int64_t* board, const Rows& X, size_t block, size_t k, PoissonCodes<T> out,
                Visit visit) {
    share_rows(board, X, block, [&](size_t first, size_t last) {
        __builtin_memcpy(out.start + first * k, out.given + first * k,
                         (last - first) * k * sizeof(T));
        visit(first, last);
    });
}

}  // namespace cofactor::COFACTOR_ISA
