// Least squares of rows that have Gram matrices of their own, as some of their entries were not
// observed, by coordinate descent.
//
// Lanes are components while the Gram matrix of a row is added up, and rows while codes are swept.
#pragma once

#include "listed_rows.hpp"

namespace cofactor::COFACTOR_ISA {

template <class I>
class ObservedRows {
    static constexpr size_t vectors = 2, tile = 4;
    static constexpr size_t most = vector_bytes == 64 ? 4 : 2;  // vectors of a tile's sums, a row
    static constexpr double rounding = 1e-12;  // of a curvature that others were taken off
    using V = Vec<double>;

public:
    static constexpr size_t rows = vectors * lanes<double>;

    ObservedRows(Csr<double, I> listed, ObservedSquares squares)
        : listed_(listed),
          squares_(squares),
          k_(squares.base.rows),
          width_(squares.columns.columns),
          gram_(round_up(k_, tile) * width_),
          packed_(k_ * (k_ + 1) / 2 * rows),
          codes_(k_ * rows),
          products_(k_ * rows) {}

    // Sweep over `count` rows from `first` on.
    void improve(size_t first, size_t count) {
        for (size_t i = 0; i < rows; ++i) take(first + smaller(i, count - 1), i);
        for (size_t sweep = 0; sweep < squares_.sweeps; ++sweep)
            for (size_t t = 0; t < k_; ++t) descend(t);
        double* const codes = squares_.codes + first * k_;
        for (size_t i = 0; i < count; ++i)
            for (size_t t = 0; t < k_; ++t) codes[i * k_ + t] = codes_[t * rows + i];
        if (squares_.loss) judge(count, squares_.loss + first);
    }

private:
    // Make a row lane i; beyond the last row, that one is repeated.
    void take(size_t n, size_t i) {
        scales_[i] = squares_.scales ? squares_.scales[n] : 1;
        for (size_t t = 0; t < k_; ++t) {
            codes_[t * rows + i] = squares_.codes[n * k_ + t];
            products_[t * rows + i] = squares_.products[n * k_ + t];
        }
        add_up(n);
        for (size_t t = 0, at = i; t < k_; ++t)
            for (size_t u = 0; u <= t; ++u, at += rows)
                packed_[at] = scales_[i] * (squares_.base.data[t * k_ + u] +
                                            squares_.sign * gram_[t * width_ + u]);
    }

    // Add up the products of the listed columns of a row, below the diagonal and on it.
    void add_up(size_t n) {
        const size_t begin = static_cast<size_t>(listed_.indptr[n]);
        const size_t count = static_cast<size_t>(listed_.indptr[n + 1]) - begin;
        const I* const indices = listed_.indices + begin;
        for (size_t t = 0; t < k_; t += tile)
            for (size_t u = 0; u < t + tile;) {
                const size_t left = round_up(t + tile - u, lanes<double>) / lanes<double>;
                if (left >= 3 && most >= 3)
                    add_tile<3>(indices, count, t, u), u += 3 * lanes<double>;
                else if (left >= 2)
                    add_tile<2>(indices, count, t, u), u += 2 * lanes<double>;
                else
                    add_tile<1>(indices, count, t, u), u += lanes<double>;
            }
    }

    // Some entries of the Gram matrix, in so many chains that none waits for another.
    template <size_t wide>
    COFACTOR_INLINE void add_tile(const I* indices, size_t count, size_t t, size_t u) {
        constexpr size_t chains = most / wide > 1 ? 2 : 1;
        V sums[chains][tile][wide] = {};
        const auto add_products = [&](size_t p, V(&to)[tile][wide]) COFACTOR_INLINED {
            const double* const w = squares_.columns.data +
                                    static_cast<size_t>(indices[p]) * width_;
            V values[wide];
            for (size_t v = 0; v < wide; ++v) values[v] = load(w + u + v * lanes<double>);
            for (size_t r = 0; r < tile; ++r)
                for (size_t v = 0; v < wide; ++v) to[r][v] += w[t + r] * values[v];
        };
        size_t p = 0;
        for (; p + chains <= count; p += chains)
            for (size_t c = 0; c < chains; ++c) add_products(p + c, sums[c]);
        if (p < count) add_products(p, sums[0]);
        for (size_t r = 0; r < tile; ++r)
            for (size_t v = 0; v < wide; ++v)
                store<double>(gram_ + (t + r) * width_ + u + v * lanes<double>,
                              chains > 1 ? sums[0][r][v] + sums[chains - 1][r][v]
                                         : sums[0][r][v]);
    }

    // Row t of the Gram matrices times the codes, in two chains each: of the triangle's row t, and
    // below it of its column t.
    COFACTOR_INLINE void multiply(size_t t, V (&sums)[vectors]) const {
        V odd[vectors] = {};
        for (size_t v = 0; v < vectors; ++v) sums[v] = V{};
        const double* at = packed_ + t * (t + 1) / 2 * rows;
        size_t u = 0;
        for (; u + 2 <= t + 1; u += 2, at += 2 * rows) {
            add(at, u, sums);
            add(at + rows, u + 1, odd);
        }
        if (u == t) add(at, u++, sums), at += rows;
        at += t * rows;  // to row t + 1, column t
        for (; u + 2 <= k_; u += 2, at += (2 * u - 1) * rows) {
            add(at, u, sums);
            add(at + (u + 1) * rows, u + 1, odd);
        }
        if (u < k_) add(at, u, sums);
        for (size_t v = 0; v < vectors; ++v) sums[v] += odd[v];
    }

    COFACTOR_INLINE void add(const double* row, size_t u, V (&sums)[vectors]) const {
        for (size_t v = 0; v < vectors; ++v)
            sums[v] += load(row + v * lanes<double>) * lane(codes_, u, v);
    }

    // Move coordinate t of every row to its minimum; where the loss is flat it stays.
    COFACTOR_INLINE void descend(size_t t) {
        const double least = rounding * larger(squares_.base.data[t * k_ + t], 0.0);
        const size_t diagonal = (t + 1) * (t + 2) / 2 - 1;
        V slopes[vectors];
        multiply(t, slopes);
        for (size_t v = 0; v < vectors; ++v) {
            const V z = lane(codes_, t, v), bend = lane(packed_, diagonal, v);
            const V slope = slopes[v] - lane(products_, t, v) + squares_.l1 + squares_.l2 * z;
            const auto bent = bend + squares_.l2 > least * load(scales_ + v * lanes<double>);
            const V curvature = bent ? bend + squares_.l2 : splat<double>(1);
            const V best = at_least(z - slope / curvature, splat<double>(squares_.lowest));
            store<double>(codes_ + t * rows + v * lanes<double>, bent ? best : z);
        }
    }

    void judge(size_t count, double* loss) const {
        V sums[vectors], total[vectors] = {};
        for (size_t t = 0; t < k_; ++t) {
            multiply(t, sums);
            for (size_t v = 0; v < vectors; ++v)
                total[v] += (0.5 * sums[v] - lane(products_, t, v)) * lane(codes_, t, v);
        }
        double each[rows];
        for (size_t v = 0; v < vectors; ++v) store<double>(each + v * lanes<double>, total[v]);
        __builtin_memcpy(loss, each, count * sizeof(double));
    }

    COFACTOR_INLINE static V lane(const double* from, size_t t, size_t v) {
        return load(from + t * rows + v * lanes<double>);
    }

    const Csr<double, I> listed_;
    const ObservedSquares squares_;
    const size_t k_, width_;
    const Scratch<double> gram_, packed_, codes_, products_;
    double scales_[rows];
};

// Gram matrices cost k / 2 products an entry and component, fitted values two a sweep, which take
// some six times as long, as they are added up across lanes and written back.
inline bool fitted_are_cheaper(size_t k, size_t sweeps) { return k > 12 * (sweeps + 1); }

template <class I>
void observed_sweeps(Csr<double, I> listed, ObservedSquares squares) {
    if (fitted_are_cheaper(squares.base.rows, squares.sweeps)) {
        ListedRows<I> rows(listed, squares);
        for (size_t n = 0; n < listed.rows; ++n) rows.improve(n);
        return;
    }
    ObservedRows<I> swept(listed, squares);
    for (size_t n = 0; n < listed.rows; n += ObservedRows<I>::rows)
        swept.improve(n, smaller(ObservedRows<I>::rows, listed.rows - n));
}

}  // namespace cofactor::COFACTOR_ISA
