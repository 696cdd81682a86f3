// One Poisson row under fixed components: what it loses, and the derivatives by its codes.
//
// The components under a nonzero are one row of a matrix, so lanes are components. The products of
// as many nonzeros as there are lanes are added up at once, and from there on lanes are nonzeros.
#pragma once

#include "across.hpp"
#include "counts.hpp"
#include "elementary.hpp"

namespace cofactor::COFACTOR_ISA {

// Stands in for a zero that would divide zero.
constexpr double least_divisor = 1e-300;

// A fitted value below this explains no count: its reciprocal has no room to work in.
template <class T>
constexpr T least_fitted = sizeof(T) == sizeof(float) ? 1e-30 : 1e-300;

template <class T>
COFACTOR_INLINE Vec<T> positive(Vec<T> fitted) {
    return at_least(fitted, splat(least_fitted<T>));
}

// A running sum in float64, lane by lane.
template <class T>
class DoubleSum;

template <>
class DoubleSum<double> {
public:
    COFACTOR_INLINE void add(Vec<double> value) { part_ += value; }
    COFACTOR_INLINE double value() const { return sum<double>(part_); }

private:
    Vec<double> part_{};
};

template <>
class DoubleSum<float> {
public:
    COFACTOR_INLINE void add(Vec<float> value) {
        typedef float Half __attribute__((vector_size(vector_bytes / 2)));
        Half low, high;
        __builtin_memcpy(&low, &value, sizeof low);
        __builtin_memcpy(&high, reinterpret_cast<const char*>(&value) + sizeof low, sizeof high);
        low_ += __builtin_convertvector(low, Vec<double>);
        high_ += __builtin_convertvector(high, Vec<double>);
    }
    COFACTOR_INLINE double value() const { return sum<double>(low_ + high_); }

private:
    Vec<double> low_{}, high_{};
};

// Sum of x log(fitted); -inf if a count cannot be explained.
template <class T>
class LogLikelihood {
public:
    COFACTOR_INLINE void add(Vec<T> x, Vec<T> fitted) {
        unexplained_ |= (x > 0) & (fitted < least_fitted<T>);
        sum_.add(x * log_positive<T>(positive<T>(fitted)));
    }
    COFACTOR_INLINE double value() const {
        return any<T>(unexplained_) ? -infinity<double> : sum_.value();
    }

private:
    DoubleSum<T> sum_;
    Int<T> unexplained_{};
};

// In place of a likelihood that nobody asks for.
template <class T>
class NoLikelihood {
public:
    COFACTOR_INLINE void add(Vec<T> x, Vec<T> fitted) {
        unexplained_ |= (x > 0) & (fitted < least_fitted<T>);
    }
    COFACTOR_INLINE double value() const {
        return any<T>(unexplained_) ? -infinity<double> : 0.0;
    }

private:
    Int<T> unexplained_{};
};

// Components are padded to whole groups of this many.
constexpr size_t component_group = 16;

template <size_t value>
struct Constant {
    COFACTOR_INLINE constexpr operator size_t() const { return value; }
};

// Some vectors of every column's components: a tile that is as wide as registers allow.
template <class T, size_t vectors, class Width>
struct ColumnTile {
    const T* components;
    Width width;  // of a column: a number, or a constant

    COFACTOR_INLINE const T* column(Label j) const {
        return components + static_cast<size_t>(j) * width;
    }

    // products[s] += <z, column of nonzero s> over the tile.
    COFACTOR_INLINE void multiply(const Label* columns, const Vec<T> (&z)[vectors],
                                  Vec<T> (&products)[lanes<T>]) const {
#pragma GCC unroll 16
        for (size_t s = 0; s < lanes<T>; ++s) {
            const T* const h = column(columns[s]);
            for (size_t v = 0; v < vectors; ++v) products[s] += z[v] * load(h + v * lanes<T>);
        }
    }

    // sums += rates[s] * column of nonzero s, in several chains that do not wait for each other.
    template <size_t chains>
    COFACTOR_INLINE void add(const Label* columns, const T* rates,
                             Vec<T> (&sums)[chains][vectors]) const {
#pragma GCC unroll 16
        for (size_t s = 0; s < lanes<T>; ++s) {
            const T* const h = column(columns[s]);
            for (size_t v = 0; v < vectors; ++v)
                sums[s % chains][v] += rates[s] * load(h + v * lanes<T>);
        }
    }
};

// What passes over a row find: rates x / fitted, and their quotients by the fitted values.
template <class T>
struct Passed {
    T* explained;  // sums of rates times components
    T* bends;      // rate / fitted of each nonzero, or null
};

// Counts that nothing explains say nothing: every component is zero there.
template <class T>
COFACTOR_INLINE void divide(Vec<T> x, Vec<T> fitted, T* rates, T* bends) {
    const Vec<T> inverse = fitted < least_fitted<T> ? Vec<T>{} : T{1} / positive<T>(fitted);
    const Vec<T> rate = x * inverse;
    store<T>(rates, rate);
    if (bends) store<T>(bends, rate * inverse);
}

// All components in one tile of `groups` groups; none where they are too many for that.
template <class T, size_t groups>
struct RowPasses {
    static constexpr size_t vectors = groups * component_group / lanes<T>;
    static constexpr size_t chains = vectors <= 2 ? 4 : vectors <= 4 ? 2 : 1;
    using Whole = ColumnTile<T, vectors, Constant<groups * component_group>>;

    static void load_codes(const T* z, Vec<T> (&code)[vectors]) {
        for (size_t v = 0; v < vectors; ++v) code[v] = load(z + v * lanes<T>);
    }

    template <class Likelihood>
    [[gnu::noinline]] static double explain(Matrix<const T> components, CountRow<T> row,
                                            const T* z, Passed<T> out) {
        const Whole tile{components.data, {}};
        Vec<T> code[vectors], sums[chains][vectors] = {};
        load_codes(z, code);
        Likelihood likelihood;
        alignas(64) T rates[lanes<T>];
        for (size_t p = 0; p < row.size; p += lanes<T>) {
            Vec<T> products[lanes<T>] = {};
            tile.multiply(row.columns + p, code, products);
            const Vec<T> fitted = sums_across<T>(products) + load(row.offsets + p);
            const Vec<T> x = load(row.counts + p);
            likelihood.add(x, fitted);
            divide<T>(x, fitted, rates, out.bends ? out.bends + p : nullptr);
            tile.template add<chains>(row.columns + p, rates, sums);
        }
        for (size_t v = 0; v < vectors; ++v) {
            Vec<T> total = sums[0][v];
            for (size_t c = 1; c < chains; ++c) total += sums[c][v];
            store<T>(out.explained + v * lanes<T>, total);
        }
        return likelihood.value();
    }

    [[gnu::noinline]] static double log_likelihood(Matrix<const T> components, CountRow<T> row,
                                                   const T* z) {
        const Whole tile{components.data, {}};
        Vec<T> code[vectors];
        load_codes(z, code);
        LogLikelihood<T> likelihood;
        for (size_t p = 0; p < row.size; p += lanes<T>) {
            Vec<T> products[lanes<T>] = {};
            tile.multiply(row.columns + p, code, products);
            const Vec<T> fitted = sums_across<T>(products) + load(row.offsets + p);
            likelihood.add(load(row.counts + p), fitted);
        }
        return likelihood.value();
    }
};

// ColumnTile after tile of one group each.
template <class T>
struct RowPasses<T, 0> {
    static constexpr size_t vectors = component_group / lanes<T>;
    using Group = ColumnTile<T, vectors, size_t>;

    // Fitted values of the nonzeros from place p on.
    COFACTOR_INLINE static Vec<T> fit(Matrix<const T> components, CountRow<T> row, size_t p,
                                      const T* z) {
        Vec<T> products[lanes<T>] = {};
        for (size_t c = 0; c < components.columns; c += component_group) {
            Vec<T> code[vectors];
            for (size_t v = 0; v < vectors; ++v) code[v] = load(z + c + v * lanes<T>);
            Group{components.data + c, components.columns}.multiply(row.columns + p, code, products);
        }
        return sums_across<T>(products) + load(row.offsets + p);
    }

    template <class Likelihood>
    [[gnu::noinline]] static double explain(Matrix<const T> components, CountRow<T> row,
                                            const T* z, Passed<T> out) {
        Likelihood likelihood;
        alignas(64) T rates[lanes<T>];
        __builtin_memset(out.explained, 0, components.columns * sizeof(T));
        for (size_t p = 0; p < row.size; p += lanes<T>) {
            const Vec<T> fitted = fit(components, row, p, z), x = load(row.counts + p);
            likelihood.add(x, fitted);
            divide<T>(x, fitted, rates, out.bends ? out.bends + p : nullptr);
            for (size_t c = 0; c < components.columns; c += component_group) {
                Vec<T> sums[1][vectors];
                for (size_t v = 0; v < vectors; ++v)
                    sums[0][v] = load(out.explained + c + v * lanes<T>);
                const Group tile{components.data + c, components.columns};
                tile.template add<1>(row.columns + p, rates, sums);
                for (size_t v = 0; v < vectors; ++v)
                    store<T>(out.explained + c + v * lanes<T>, sums[0][v]);
            }
        }
        return likelihood.value();
    }

    [[gnu::noinline]] static double log_likelihood(Matrix<const T> components, CountRow<T> row,
                                                   const T* z) {
        LogLikelihood<T> likelihood;
        for (size_t p = 0; p < row.size; p += lanes<T>)
            likelihood.add(load(row.counts + p), fit(components, row, p, z));
        return likelihood.value();
    }
};

// Choose the passes by the number of components, which is a multiple of 16.
template <class T, class Use>
COFACTOR_INLINE auto with_passes(size_t width, Use use) {
    switch (width / component_group) {
        case 1: return use(RowPasses<T, 1>{});
        case 2: return use(RowPasses<T, 2>{});
        case 3: return use(RowPasses<T, 3>{});
        case 4: return use(RowPasses<T, 4>{});
        default: return use(RowPasses<T, 0>{});
    }
}

template <class T>
COFACTOR_INLINE const double* totals_of(const PoissonModel<T>& model, size_t n) {
    return model.totals.data + (model.totals.rows == 1 ? 0 : n * model.k);
}

// The part of a row's loss that is a polynomial of its codes: prices, and the penalty.
template <class T>
double priced(const PoissonModel<T>& model, size_t n, const T* z) {
    const double* const totals = totals_of(model, n);
    double sum = 0;
    for (size_t c = 0; c < model.k; ++c) {
        const double code = z[c];
        sum += (totals[c] + model.l1 + 0.5 * model.l2 * code) * code;
    }
    return sum;
}

// Loss at codes z, padded with zeros; what else the pass finds goes to `out`.
template <class T>
COFACTOR_INLINE double explain(const PoissonModel<T>& model, size_t n, CountRow<T> row, const T* z,
                               Passed<T> out) {
    const double nats = with_passes<T>(model.columns.columns, [&](auto passes) {
        return passes.template explain<LogLikelihood<T>>(model.columns, row, z, out);
    });
    return priced(model, n, z) - nats;
}

// The same where only infinite losses matter: all others are zero.
template <class T>
COFACTOR_INLINE double explain_alone(const PoissonModel<T>& model, CountRow<T> row, const T* z,
                                     Passed<T> out) {
    return -with_passes<T>(model.columns.columns, [&](auto passes) {
        return passes.template explain<NoLikelihood<T>>(model.columns, row, z, out);
    });
}

template <class T>
COFACTOR_INLINE double row_loss(const PoissonModel<T>& model, size_t n, CountRow<T> row,
                                const T* z) {
    const double nats = with_passes<T>(model.columns.columns, [&](auto passes) {
        return passes.log_likelihood(model.columns, row, z);
    });
    return priced(model, n, z) - nats;
}

// The root of l2 u^2 + price u = explained, in the form that needs no l2 > 0.
COFACTOR_INLINE double majorizer_minimum(double explained, double price, double l2) {
    const double root = __builtin_sqrt(price * price + 4 * l2 * explained);
    return 2 * explained / larger(price + root, least_divisor);
}

}  // namespace cofactor::COFACTOR_ISA
