// Moments of components, each with a share of every row, in float64.
//
// Lanes are columns. Components pass a chunk of rows one by one, each with a list of its rows.
#pragma once

#include "shares.hpp"

namespace cofactor::COFACTOR_ISA {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t gram_rows = 4, gram_vectors = 6;  // of 32 registers
#else
constexpr size_t gram_rows = 4, gram_vectors = 3;  // of 16 registers
#endif

// Columns padded to whole vectors, and to whole strips.
COFACTOR_INLINE constexpr size_t padded(size_t d) {
    return round_up(d, larger(gram_rows, lanes<double>));
}

// Rows in float64 about the shift, each followed by |x|^2 or x^2 if it has so many features.
template <class T>
class ChunkRows {
public:
    ChunkRows(Matrix<const T> X, const double* shift, size_t features)
        : features(features), width(padded(features)), stride(odd_lines(width)), X_(X),
          shift_(shift), values_(chunk_rows * stride) {}

    void load(size_t first, size_t rows) {
        for (size_t i = 0; i < rows; ++i) load_row(X_.data + (first + i) * X_.columns, row(i));
    }

    COFACTOR_INLINE double* row(size_t i) const { return values_ + i * stride; }

    const size_t features, width, stride;

private:
    // An odd number of cache lines: rows meet in all sets alike.
    static size_t odd_lines(size_t width) { return (round_up(width, 8) / 8 | 1) * 8; }

    COFACTOR_INLINE void load_row(const T* x, double* to) const {
        const size_t d = X_.columns;
        for (size_t l = 0; l < d; ++l) to[l] = static_cast<double>(x[l]) - shift_[l];
        if (features == 2 * d)
            for (size_t l = 0; l < d; ++l) to[d + l] = to[l] * to[l];
        else if (features == d + 1)
            to[d] = sum_of(d, [to](size_t l) { return to[l] * to[l]; });
        for (size_t l = features; l < width; ++l) to[l] = 0.0;
    }

    const Matrix<const T> X_;
    const double* const shift_;
    const Scratch<double> values_;
};

// Call function<N>() for the number that `vectors` is, at most N.
template <size_t N, class Function>
COFACTOR_INLINE void with_size(size_t vectors, Function function) {
    if constexpr (N > 1)
        if (vectors < N) return with_size<N - 1>(vectors, function);
    function.template operator()<N>();
}

// Cut `vectors` into nearly equal parts of at most N: call function<size>() with its place.
template <size_t N, class Function>
COFACTOR_INLINE void in_parts(size_t begin, size_t end, Function function) {
    while (begin < end) {
        const size_t rest = end - begin, parts = (rest + N - 1) / N;
        const size_t size = (rest + parts - 1) / parts;
        function.at = begin;
        with_size<N>(size, function);
        begin += size;
    }
}

// Add N vectors of columns of all components' rows to their sums.
template <class T>
struct SumPart {
    const ChunkRows<T>& chunk;
    const Shares& shares;
    double* sums;
    size_t at = 0;

    template <size_t N>
    COFACTOR_INLINE void operator()() const {
        for (size_t c = 0; c < shares.components; ++c)
            add<N>(shares.of(c), chunk.row(0) + at * lanes<double>,
                   sums + c * chunk.width + at * lanes<double>);
    }

private:
    // Rows take turns among several sums where there are few columns: none waits for the last.
    template <size_t N>
    COFACTOR_INLINE void add(Members members, const double* columns, double* to) const {
        constexpr size_t turns = N > 4 ? 1 : N > 2 ? 2 : 4;
        Vec<double> sum[turns][N] = {};
        const auto add_row = [&](size_t j, size_t turn) {
            const Vec<double> share = splat(members.share[j]);
            const double* const row =
                columns + static_cast<size_t>(members.row[j]) * chunk.stride;
            for (size_t v = 0; v < N; ++v) sum[turn][v] += share * load(row + v * lanes<double>);
        };
        size_t j = 0;
        for (; j + turns <= members.count; j += turns)
            for (size_t turn = 0; turn < turns; ++turn) add_row(j + turn, turn);
        for (; j < members.count; ++j) add_row(j, 0);
        for (size_t v = 0; v < N; ++v) {
            for (size_t turn = 1; turn < turns; ++turn) sum[0][v] += sum[turn][v];
            double* const own = to + v * lanes<double>;
            store<double>(own, load(own) + sum[0][v]);
        }
    }
};

// gram[...] += sum of weighted rows times rows: a strip of its rows by N vectors.
template <class T>
struct GramStrip {
    const ChunkRows<T>& chunk;
    const double* weighted;  // the members' rows times their shares
    Members members;
    size_t first;  // row of the strip
    double* gram;
    size_t at = 0;

    template <size_t N>
    COFACTOR_INLINE void operator()() const {
        Vec<double> sum[gram_rows][N] = {};
        const double* left = weighted + first;
        for (size_t i = 0; i < members.count; ++i, left += chunk.width) {
            const double* const x =
                chunk.row(static_cast<size_t>(members.row[i])) + at * lanes<double>;
            Vec<double> right[N];
            for (size_t v = 0; v < N; ++v) right[v] = load(x + v * lanes<double>);
            for (size_t r = 0; r < gram_rows; ++r)
                for (size_t v = 0; v < N; ++v) sum[r][v] += splat(left[r]) * right[v];
        }
        for (size_t r = 0; r < gram_rows; ++r)
            for (size_t v = 0; v < N; ++v) {
                double* const to = gram + (first + r) * chunk.width + (at + v) * lanes<double>;
                store<double>(to, load(to) + sum[r][v]);
            }
    }
};

// Adds up what components have of every chunk: counts, sums of rows and second moments.
template <class T>
class MomentSums {
public:
    MomentSums(Matrix<const T> X, const double* shift, size_t components, size_t second)
        : d_(X.columns),
          second_(second),
          grams_(second > 1 && second == d_ * d_),
          chunk_(X, shift, d_ + (grams_ ? 0 : second)),
          sums_(components * chunk_.width),
          totals_(grams_ ? components * chunk_.width * chunk_.width : 0),
          weighted_(grams_ ? batch() * chunk_.width : 0),
          counts_(components) {
        __builtin_memset(sums_, 0, components * chunk_.width * sizeof(double));
        __builtin_memset(counts_, 0, components * sizeof(double));
        if (grams_)
            __builtin_memset(totals_, 0,
                             components * chunk_.width * chunk_.width * sizeof(double));
    }

    void take(size_t first, size_t rows, const Shares& shares) {
        chunk_.load(first, rows);
        for (size_t c = 0; c < shares.components; ++c) {
            const double* const share = shares.of(c).share;
            counts_[c] += sum_of(shares.of(c).count, [share](size_t j) { return share[j]; });
        }
        in_parts<sum_vectors>(0, chunk_.width / lanes<double>,
                              SumPart<T>{chunk_, shares, sums_});
        for (size_t c = 0; grams_ && c < shares.components; ++c)
            add_gram(shares.of(c), totals_ + c * chunk_.width * chunk_.width);
    }

    void add_to(Moments out) const {
        for (size_t c = 0; c < out.sums.rows; ++c) {
            const double* const sums = sums_ + c * chunk_.width;
            double* const second = out.second + c * second_;
            out.counts[c] += counts_[c];
            for (size_t l = 0; l < d_; ++l) out.sums.data[c * d_ + l] += sums[l];
            if (grams_)
                add_square(totals_ + c * chunk_.width * chunk_.width, second);
            else
                for (size_t l = 0; l < second_; ++l) second[l] += sums[d_ + l];
        }
    }

private:
    size_t batch() const {
        return larger<size_t>(16, chunk_bytes / (2 * chunk_.width * sizeof(double)));
    }

    // Add the upper triangle of the gram matrix of a component's rows.
    void add_gram(Members members, double* gram) const {
        for (size_t begin = 0; begin < members.count; begin += batch()) {
            const Members few = {members.row + begin, members.share + begin,
                                 smaller(batch(), members.count - begin)};
            weigh(few);
            for (size_t first = 0; first < chunk_.width; first += gram_rows)
                in_parts<gram_vectors>(first / lanes<double>, chunk_.width / lanes<double>,
                                       GramStrip<T>{chunk_, weighted_, few, first, gram});
        }
    }

    void weigh(Members members) const {
        for (size_t i = 0; i < members.count; ++i) {
            const double* const row = chunk_.row(static_cast<size_t>(members.row[i]));
            for (size_t l = 0; l < chunk_.width; ++l)
                weighted_[i * chunk_.width + l] = members.share[i] * row[l];
        }
    }

    void add_square(const double* upper, double* to) const {
        for (size_t i = 0; i < d_; ++i)
            for (size_t j = 0; j < d_; ++j)
                to[i * d_ + j] += upper[smaller(i, j) * chunk_.width + larger(i, j)];
    }

    const size_t d_, second_;
    const bool grams_;
    ChunkRows<T> chunk_;
    const Scratch<double> sums_, totals_, weighted_, counts_;
};

// Add the moments of rows with given weights under every component.
template <class T>
void component_moments(Matrix<const T> X, const double* shift, Matrix<const double> weight,
                       Moments out) {
    MomentSums<T> moments(X, shift, weight.rows, out.second_size);
    Shares shares(weight.rows);
    for (size_t first = 0; first < X.rows; first += chunk_rows) {
        const size_t rows = smaller(chunk_rows, X.rows - first);
        shares.clear();
        for (size_t c = 0; c < weight.rows; ++c)
            shares.append(c, 0, rows, weight.data + c * weight.columns + first,
                          [](double own) { return own != 0.0; });
        moments.take(first, rows, shares);
    }
    moments.add_to(out);
}

}  // namespace cofactor::COFACTOR_ISA
