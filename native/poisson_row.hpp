// One Poisson row under fixed components: what it loses, and the derivatives by its codes.
//
// The products of as many nonzeros as there are lanes are added up at once, and from there on lanes
// are nonzeros.
#pragma once

#include "elementary.hpp"
#include "poisson_columns.hpp"

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

// A running sum in float64, lane by lane; floats are widened as sums of eight.
template <class T>
class DoubleSum;

COFACTOR_INLINE double sum_of(Vec<double> value) {
    return sum_of(lanes<double>, [&](size_t i) COFACTOR_INLINED { return value[i]; });
}

template <>
class DoubleSum<double> {
public:
    COFACTOR_INLINE void add(Vec<double> value) { part_ += value; }
    COFACTOR_INLINE double value() { return sum_of(part_); }
    COFACTOR_INLINE void add_to(double* each) const { store<double>(each, load(each) + part_); }

private:
    Vec<double> part_{};
};

template <>
class DoubleSum<float> {
public:
    COFACTOR_INLINE void add(Vec<float> value) {
        few_ += value;
        if (++count_ % 8 == 0) widen();
    }
    COFACTOR_INLINE double value() {
        widen();
        return sum_of(low_ + high_);
    }
    COFACTOR_INLINE void add_to(double* each) {
        widen();
        store<double>(each, load(each) + low_);
        store<double>(each + lanes<double>, load(each + lanes<double>) + high_);
    }

private:
    COFACTOR_INLINE void widen() {
        low_ += half<0>(few_);
        high_ += half<1>(few_);
        few_ = Vec<float>{};
    }

    // GCC would pass through memory, and convert four numbers at a time.
    template <int part>
    COFACTOR_INLINE static Vec<double> half(Vec<float> value) {
#if defined(__AVX512F__) && !defined(__clang__)
        constexpr int as_set = 4;  // rounding, which there is none of
        return __builtin_ia32_cvtps2pd512_mask(half_of<part>(value), Vec<double>{}, 0xff, as_set);
#elif defined(__AVX2__) && !defined(__clang__)
        return __builtin_ia32_cvtps2pd256(__builtin_ia32_vextractf128_ps256(value, part));
#else
        typedef float Half __attribute__((vector_size(vector_bytes / 2)));
        Half some;
        __builtin_memcpy(&some, reinterpret_cast<const char*>(&value) + part * sizeof some,
                         sizeof some);
        return __builtin_convertvector(some, Vec<double>);
#endif
    }

    Vec<float> few_{};
    Vec<double> low_{}, high_{};
    unsigned count_ = 0;
};

// In place of a likelihood that nobody asks for: zero, or -inf if a count cannot be explained.
template <class T>
class NoLikelihood {
public:
    // Leave nothing that divides by zero. Counts that nothing explains say nothing: every component
    // is zero there.
    COFACTOR_INLINE void settle(Vec<T>& x, Vec<T>& fitted) {
        if (__builtin_expect(!any_below<T>(fitted, least_fitted<T>), 1)) return;
        const Int<T> nothing = fitted < least_fitted<T>;
        explained_ &= !any<T>((x > 0) & nothing);
        x = nothing ? Vec<T>{} : x;
        fitted = nothing ? splat(T{1}) : fitted;
    }
    COFACTOR_INLINE void add(Vec<T>, Vec<T>) const {}
    COFACTOR_INLINE double value() const { return explained_ ? 0.0 : -infinity<double>; }

private:
    bool explained_ = true;
};

// Sum of x log(fitted); -inf if a count cannot be explained.
template <class T>
class LogLikelihood : public NoLikelihood<T> {
public:
    COFACTOR_INLINE void add(Vec<T> x, Vec<T> fitted) { sum_.add(x * log_summand<T>(fitted)); }
    COFACTOR_INLINE double value() { return sum_.value() + NoLikelihood<T>::value(); }

private:
    DoubleSum<T> sum_;
};

// Add what counts say of a likelihood.
template <class T, class Likelihood>
COFACTOR_INLINE void weigh(Vec<T> x, Vec<T> fitted, Likelihood& likelihood) {
    likelihood.settle(x, fitted);
    likelihood.add(x, fitted);
}

// What passes over a row find: rates x / fitted, and their quotients by the fitted values.
template <class T>
struct Passed {
    T* explained;  // sums of rates times components
    T* bends;      // rate / fitted of each nonzero

    COFACTOR_INLINE Vec<T> rates(Vec<T> x, Vec<T> fitted, size_t p) const {
        const Vec<T> inverse = T{1} / fitted, rate = x * inverse;
        store<T>(bends + p, rate * inverse);
        return rate;
    }
};

// The same without the quotients.
template <class T>
struct Explained {
    T* explained;

    COFACTOR_INLINE Vec<T> rates(Vec<T> x, Vec<T> fitted, size_t) const { return x / fitted; }
};

// Rates of the counts from p on, and what they say of a likelihood.
template <class T, class Likelihood, class Found>
COFACTOR_INLINE Vec<T> judge(Vec<T> x, Vec<T> fitted, Likelihood& likelihood, Found out, size_t p) {
    likelihood.settle(x, fitted);
    likelihood.add(x, fitted);
    return out.rates(x, fitted, p);
}

// All components in one tile of `groups` groups and a rest; no group where they are too many.
template <class T, size_t groups, bool rest>
struct RowPasses {
    static constexpr size_t vectors = groups * component_group / lanes<T>;
    static constexpr size_t chains = vectors == 1 ? 4 : vectors <= 4 ? 2 : 1;
    using Tile = ColumnTile<T, vectors, rest, Constant<groups * component_group>>;

    static Tile tile_of(const PoissonModel<T>& model) {
        return {model.columns.data, {}, model.rest.data};
    }

    template <class Row>
    COFACTOR_INLINE static Vec<T> fitted_from(const Tile& tile, const Row& row,
                                              const typename Tile::Row& code, size_t p) {
        return tile.fit(row.columns_from(p), code) + row.offsets_from(p);
    }

    // Vectors are fitted while the one before waits for its quotients.
    template <class Likelihood, class Row, class Found>
    [[gnu::noinline]] static double explain(const PoissonModel<T>& model, const Row& row,
                                            const T* z, Found out) {
        const Tile tile = tile_of(model);
        const typename Tile::Row code = Tile::load_codes(z, model.k);
        typename Tile::Row sums[chains] = {};
        Likelihood likelihood;
        const auto rated = [&](size_t p, Vec<T> fitted) COFACTOR_INLINED {
            return judge<T>(row.counts_from(p), fitted, likelihood, out, p);
        };
        row.ask(0);
        const bool far = far_away(model);
        Vec<T> fitted = fitted_from(tile, row, code, 0);
        for (size_t p = lanes<T>; p < row.size; p += lanes<T>) {
            row.ask(p);
            if (far) tile.ask_ahead(row, p);
            const Vec<T> rates = rated(p - lanes<T>, fitted);
            fitted = fitted_from(tile, row, code, p);
            tile.add(row.columns_from(p - lanes<T>), rates, sums);
        }
        const size_t last = row.size - lanes<T>;
        tile.add(row.columns_from(last), rated(last, fitted), sums);
        Tile::store_row(out.explained, Tile::total(sums));
        return likelihood.value();
    }

    template <class Row>
    [[gnu::noinline]] static double log_likelihood(const PoissonModel<T>& model, const Row& row,
                                                   const T* z) {
        const Tile tile = tile_of(model);
        const typename Tile::Row code = Tile::load_codes(z, model.k);
        const bool far = far_away(model);
        LogLikelihood<T> likelihood;
        Vec<T> fitted = fitted_from(tile, row, code, 0);
        for (size_t p = lanes<T>; p < row.size; p += lanes<T>) {
            if (far) tile.ask_ahead(row, p);
            weigh<T>(row.counts_from(p - lanes<T>), fitted, likelihood);
            fitted = fitted_from(tile, row, code, p);
        }
        weigh<T>(row.counts_from(row.size - lanes<T>), fitted, likelihood);
        return likelihood.value();
    }
};

// Tile after tile of one group each.
template <class T>
struct RowPasses<T, 0, false> {
    static constexpr size_t vectors = component_group / lanes<T>;
    using Tile = ColumnTile<T, vectors, false, size_t>;

    COFACTOR_INLINE static Tile tile_of(const PoissonModel<T>& model, size_t c) {
        return {model.columns.data + c, model.columns.columns, nullptr};
    }

    // What codes say of the nonzeros of some columns.
    template <class Column>
    COFACTOR_INLINE static Vec<T> fit(const PoissonModel<T>& model, const Column* columns,
                                      const T* z) {
        Vec<T> products[lanes<T>] = {};
        for (size_t c = 0; c < model.columns.columns; c += component_group)
            tile_of(model, c).multiply(columns, Tile::load_codes(z + c, model.k - c), products);
        return sums_across<T>(products);
    }

    template <class Likelihood, class Row, class Found>
    [[gnu::noinline]] static double explain(const PoissonModel<T>& model, const Row& row,
                                            const T* z, Found out) {
        Likelihood likelihood;
        __builtin_memset(out.explained, 0, model.columns.columns * sizeof(T));
        for (size_t p = 0; p < row.size; p += lanes<T>) {
            row.ask(p);
            const auto* const columns = row.columns_from(p);
            const Vec<T> fitted = fit(model, columns, z) + row.offsets_from(p);
            const Vec<T> rates = judge<T>(row.counts_from(p), fitted, likelihood, out, p);
            for (size_t c = 0; c < model.columns.columns; c += component_group) {
                typename Tile::Row sums[1] = {Tile::load_row(out.explained + c)};
                tile_of(model, c).add(columns, rates, sums);
                Tile::store_row(out.explained + c, sums[0]);
            }
        }
        return likelihood.value();
    }

    template <class Row>
    [[gnu::noinline]] static double log_likelihood(const PoissonModel<T>& model, const Row& row,
                                                   const T* z) {
        LogLikelihood<T> likelihood;
        for (size_t p = 0; p < row.size; p += lanes<T>) {
            const Vec<T> fitted = fit(model, row.columns_from(p), z);
            weigh<T>(row.counts_from(p), fitted + row.offsets_from(p), likelihood);
        }
        return likelihood.value();
    }
};

// Choose the passes by the groups of components; only up to three have a rest.
template <class T, class Use>
COFACTOR_INLINE auto with_passes(const PoissonModel<T>& model, Use use) {
    switch (model.columns.columns / component_group * 2 + (model.rest.columns != 0)) {
        case 2: return use(RowPasses<T, 1, false>{});
        case 3: return use(RowPasses<T, 1, true>{});
        case 4: return use(RowPasses<T, 2, false>{});
        case 5: return use(RowPasses<T, 2, true>{});
        case 6: return use(RowPasses<T, 3, false>{});
        case 7: return use(RowPasses<T, 3, true>{});
        case 8: return use(RowPasses<T, 4, false>{});
        default: return use(RowPasses<T, 0, false>{});
    }
}

// What a row of components takes where it is padded to whole groups.
template <class T>
COFACTOR_INLINE size_t padded_width(const PoissonModel<T>& model) {
    return round_up(model.columns.columns + model.rest.columns, component_group);
}

template <class T>
COFACTOR_INLINE const double* totals_of(const PoissonModel<T>& model, size_t n) {
    return model.totals.data + (model.totals.rows == 1 ? 0 : n * model.k);
}

// Sum of log z over codes above zero, in float64.
template <class T>
double sum_of_logs(const T* z, size_t k) {
    Vec<double> logs{};
    for (size_t c = 0; c < k; c += lanes<double>) {
        alignas(64) double some[lanes<double>];
        for (size_t i = 0; i < lanes<double>; ++i)
            some[i] = c + i < k ? larger(static_cast<double>(z[c + i]), least_divisor) : 1.0;
        logs += log_positive<double>(load(some));
    }
    return sum<double>(logs);
}

// The part of a row's loss that its codes have by themselves: prices, and the penalty.
template <class T>
double priced(const PoissonModel<T>& model, size_t n, const T* z) {
    const double* const totals = totals_of(model, n);
    const double own = sum_of(model.k, [&](size_t c) COFACTOR_INLINED {
        const double code = z[c];
        return (totals[c] + model.l1 + 0.5 * model.l2 * code) * code;
    });
    return model.log > 0 ? own - model.log * sum_of_logs(z, model.k) : own;
}

// What counts have of the log-likelihood at codes z, but for their prices; what else the pass finds
// goes to `out`.
template <class T, class Row, class Found>
COFACTOR_INLINE double log_likelihood(const PoissonModel<T>& model, const Row& row, const T* z,
                                      Found out) {
    return with_passes(model, [&](auto passes) {
        return passes.template explain<LogLikelihood<T>>(model, row, z, out);
    });
}

// Loss at codes z.
template <class T, class Row, class Found>
COFACTOR_INLINE double explain(const PoissonModel<T>& model, size_t n, const Row& row, const T* z,
                               Found out) {
    const double nats = log_likelihood(model, row, z, out);
    return priced(model, n, z) - nats;
}

// The same where only infinite losses matter: all others are zero.
template <class T, class Row, class Found>
COFACTOR_INLINE double explain_alone(const PoissonModel<T>& model, const Row& row, const T* z,
                                     Found out) {
    return -with_passes(model, [&](auto passes) {
        return passes.template explain<NoLikelihood<T>>(model, row, z, out);
    });
}

template <class T, class Row>
COFACTOR_INLINE double row_loss(const PoissonModel<T>& model, size_t n, const Row& row,
                                const T* z) {
    const double nats =
        with_passes(model, [&](auto passes) { return passes.log_likelihood(model, row, z); });
    return priced(model, n, z) - nats;
}

// The root of l2 u^2 + price u = explained, in the form that needs no l2 > 0.
COFACTOR_INLINE double majorizer_minimum(double explained, double price, double l2) {
    const double root = __builtin_sqrt(price * price + 4 * l2 * explained);
    return 2 * explained / larger(price + root, least_divisor);
}

// The minimum over u of slope (u - z) + bend (u - z)^2 / 2 - log ln u.
COFACTOR_INLINE double held_up_minimum(double z, double slope, double bend, double log) {
    const double linear = slope - bend * z;
    const double root = __builtin_sqrt(linear * linear + 4 * bend * log);
    return linear > 0 ? 2 * log / (linear + root) : (root - linear) / (2 * bend);
}

// The best codes of a row without counts, zero unless a prior holds them up, and their loss.
template <class T>
COFACTOR_INLINE double settle_uncounted(const PoissonModel<T>& model, size_t n, T* z) {
    const double* const totals = totals_of(model, n);
    for (size_t c = 0; c < model.k; ++c)
        z[c] = static_cast<T>(majorizer_minimum(model.log, totals[c] + model.l1, model.l2));
    return priced(model, n, z);
}

}  // namespace cofactor::COFACTOR_ISA
