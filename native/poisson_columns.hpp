// The components under the nonzeros of a row, as passes over rows gather them.
//
// Those of a column are one row of a matrix, in whole groups of sixteen: lanes are components. Up
// to four that would be a group by themselves lie in a matrix of their own instead, which takes a
// quarter of the cache.
#pragma once

#include "across.hpp"
#include "counts.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t component_group = 16;
constexpr size_t component_rest = 4;

template <class T>
using Four = typename Quad<T>::Vec;

// A vector of the same sum as four numbers: them and zeros, or halves added up.
template <class T>
COFACTOR_INLINE Vec<T> gathered(Four<T> four) {
    Vec<T> whole{};
    if constexpr (sizeof(Four<T>) > sizeof whole) {
        Vec<T> half[sizeof(Four<T>) / sizeof whole];
        __builtin_memcpy(half, &four, sizeof four);
        for (const Vec<T> part : half) whole += part;
        return whole;
    }
#if !defined(__clang__)  // GCC would pass through memory
#if defined(__AVX512F__)
    if constexpr (sizeof four == 16)
        return __builtin_ia32_insertf32x4_mask(Vec<float>{}, four, 0, Vec<float>{}, 0xffff);
    else
        return __builtin_ia32_insertf64x4_mask(Vec<double>{}, four, 0, Vec<double>{}, 0xff);
#elif defined(__AVX2__)
    if constexpr (sizeof four == 16)
        return __builtin_ia32_vinsertf128_ps256(Vec<float>{}, four, 0);
#endif
#endif
    __builtin_memcpy(&whole, &four, sizeof four < sizeof whole ? sizeof four : sizeof whole);
    return whole;
}

#if defined(__AVX512F__)
// Four numbers and zeros.
COFACTOR_INLINE HalfVec half_gathered(Four<float> four) {
#if defined(__clang__)
    return __builtin_shufflevector(four, Four<float>{}, 0, 1, 2, 3, 4, 5, 6, 7);
#else
    return __builtin_ia32_vinsertf128_ps256(HalfVec{}, four, 0);
#endif
}
#endif

// Store four numbers as whole vectors, since these are how they are read: processors wait where a
// load takes more than what one store left.
template <class T>
COFACTOR_INLINE void store_four(T* at, Four<T> four) {
    if constexpr (sizeof four < sizeof(Vec<T>))
        store<T>(at, gathered<T>(four));
    else
        store_quad(at, four);
}

// Four numbers of a vector whose lanes are all alike.
template <class T>
COFACTOR_INLINE Four<T> four_of(Vec<T> alike) {
    Four<T> four;
    constexpr size_t part = sizeof four < sizeof alike ? sizeof four : sizeof alike;
    for (size_t i = 0; i < sizeof four; i += part)
        __builtin_memcpy(reinterpret_cast<char*>(&four) + i, &alike, part);
    return four;
}

// Lane s in every lane: by 16 bytes or 32 at first, then within them.
template <class T, size_t s, size_t... i>
COFACTOR_INLINE Vec<T> everywhere(Vec<T> value, std::index_sequence<i...>) {
    const Vec<T> near = COFACTOR_SHUFFLE(Int<T>, value, value, (s / 4 * 4 + i % 4)...);
    return COFACTOR_SHUFFLE(Int<T>, near, near, (i / 4 * 4 + s % 4)...);
}

template <class T, size_t vectors>
struct Components {
    Vec<T> whole[vectors];
    Four<T> rest;
};

template <class T, size_t vectors>
COFACTOR_INLINE Components<T, vectors> components_at(const T* at) {
    Components<T, vectors> found{};
    for (size_t v = 0; v < vectors; ++v) found.whole[v] = load(at + v * lanes<T>);
    return found;
}

template <class T>
COFACTOR_INLINE Four<T> load_quad_some(const T* at, size_t count) {
    if (count >= component_rest) return load_quad(at);
    Four<T> four{};
    for (size_t i = 0; i < component_rest; ++i)
        if (i < count) four[i] = at[i];
    return four;
}

// Components that are too many for the processor's own cache: these are asked for ahead.
template <class T>
COFACTOR_INLINE bool far_away(const PoissonModel<T>& model) {
    constexpr size_t near = 1 << 21;  // bytes
    return model.columns.rows * model.columns.columns * sizeof(T) > near;
}

// How many nonzeros ahead they are asked for.
constexpr size_t far_ahead = 48;

// Some vectors of every column's components: a tile that is as wide as registers allow.
template <class T, size_t vectors, bool rest, class Width>
struct ColumnTile {
    using Row = Components<T, vectors>;

    const T* whole;
    Width width;  // of a column: a number, or a constant
    const T* fours;

    COFACTOR_INLINE static Row load_row(const T* at) {
        Row row = components_at<T, vectors>(at);
        if constexpr (rest) row.rest = load_quad(at + vectors * lanes<T>);
        return row;
    }

    // The first of `count` numbers, and zeros behind them.
    COFACTOR_INLINE static Row load_codes(const T* at, size_t count) {
        Row row{};
        for (size_t v = 0; v < vectors; ++v)
            if (count > v * lanes<T>) row.whole[v] = load_some(at + v * lanes<T>, count - v * lanes<T>);
        if constexpr (rest) row.rest = load_quad_some(at + vectors * lanes<T>, count - vectors * lanes<T>);
        return row;
    }

    COFACTOR_INLINE static void store_row(T* at, const Row& row) {
        for (size_t v = 0; v < vectors; ++v) store<T>(at + v * lanes<T>, row.whole[v]);
        if constexpr (rest) store_four(at + vectors * lanes<T>, row.rest);
    }

    // <z, column of nonzero s> in lane s. Columns are numbers, or places.
    template <class Column>
    COFACTOR_INLINE Vec<T> fit(const Column* columns, const Row& z) const {
#if defined(__AVX512F__)
        // Sums across then begin half as wide, which spares shuffles.
        if constexpr (vectors == 1 && sizeof(T) == sizeof(float))
            return sums_across_halves([&](size_t s) COFACTOR_INLINED {
                return half_product(place_of(columns[s], place_step<T>), z);
            });
#endif
        Vec<T> products[lanes<T>] = {};
        multiply(columns, z, products);
        return sums_across<T>(products);
    }

    // products[s] += <z, column of nonzero s> over the tile.
    template <class Column>
    COFACTOR_INLINE void multiply(const Column* columns, const Row& z,
                                  Vec<T> (&products)[lanes<T>]) const {
#pragma GCC unroll 16
        for (size_t s = 0; s < lanes<T>; ++s) {
            const Place place = place_of(columns[s], place_step<T>);
            if constexpr (rest) products[s] += gathered<T>(z.rest * load_quad(four(place)));
            for (size_t v = 0; v < vectors; ++v)
                products[s] += z.whole[v] * load(column(place) + v * lanes<T>);
        }
    }

    // Ask for the tile of what follows in a row of nonzeros.
    template <class Row>
    COFACTOR_INLINE void ask_ahead(const Row& row, size_t p) const {
        constexpr size_t line = 64 / sizeof(T);
        if (p + far_ahead + lanes<T> > row.size) return;
        const auto* const columns = row.columns_from(p + far_ahead);
#pragma GCC unroll 16
        for (size_t s = 0; s < lanes<T>; ++s) {
            const Place place = place_of(columns[s], place_step<T>);
            for (size_t c = 0; c < vectors * lanes<T>; c += line)
                __builtin_prefetch(column(place) + c);
            if constexpr (rest) __builtin_prefetch(four(place));
        }
    }

    // sums += rates[s] * column of nonzero s, in several chains that do not wait for each other.
    template <size_t chains, class Column>
    COFACTOR_INLINE void add(const Column* columns, Vec<T> rates, Row (&sums)[chains]) const {
        add_each(columns, rates, sums, std::make_index_sequence<lanes<T>>{});
    }

    // The sum of all chains, which compilers keep in registers if they see that loops are unrolled.
    template <size_t chains>
    COFACTOR_INLINE static Row total(const Row (&sums)[chains]) {
        Row all = sums[0];
#pragma GCC unroll 4
        for (size_t c = 1; c < chains; ++c) {
            for (size_t v = 0; v < vectors; ++v) all.whole[v] += sums[c].whole[v];
            all.rest += sums[c].rest;
        }
        return all;
    }

private:
#if defined(__AVX512F__)
    // <z, column> of a vector's components and a rest, as partial sums.
    COFACTOR_INLINE HalfVec half_product(Place place, const Row& z) const {
        const float* const low = column(place);
        const float* const high = low + lanes<float> / 2;
        HalfVec product = half_of<0>(z.whole[0]) * load_half(low);
        if constexpr (rest) product += half_gathered(z.rest * load_quad(four(place)));
        return half_of<1>(z.whole[0]) * load_half(high) + product;
    }
#endif

    template <size_t chains, class Column, size_t... s>
    COFACTOR_INLINE void add_each(const Column* columns, Vec<T> rates, Row (&sums)[chains],
                                  std::index_sequence<s...> every) const {
        (add_one(place_of(columns[s], place_step<T>), everywhere<T, s>(rates, every),
                 sums[s % chains]),
         ...);
    }

    COFACTOR_INLINE void add_one(Place place, Vec<T> rate, Row& sum) const {
        for (size_t v = 0; v < vectors; ++v)
            sum.whole[v] += rate * load(column(place) + v * lanes<T>);
        if constexpr (rest) sum.rest += four_of<T>(rate) * load_quad(four(place));
    }

    COFACTOR_INLINE const T* column(Place place) const { return at_place(whole, place, width); }
    COFACTOR_INLINE const T* four(Place place) const {
        return at_place(fours, place, component_rest);
    }
};

// Some components of some columns: where they come from, where they go, and what columns weigh, null
// for 1.
template <class T>
struct Layout {
    const T* from;
    size_t k;
    T* to;
    size_t width;
    const T* weights;
};

// Lay out the first `count` of a group's components, and zeros behind them; add up their columns.
template <size_t group, class T>
COFACTOR_INLINE void lay_group(Layout<T> layout, size_t count, size_t columns, double* totals) {
    double sums[group] = {};
    for (size_t j = 0; j < columns; ++j) {
        const T* const from = layout.from + j * layout.k;
        T* const to = layout.to + j * layout.width;
        const double weight = layout.weights ? layout.weights[j] : 1.0;
        for (size_t c = 0; c < group; ++c) {
            const T value = c < count ? from[c] : T{0};
            to[c] = value;
            sums[c] += weight * static_cast<double>(value);
        }
    }
    for (size_t c = 0; c < smaller(count, group); ++c) totals[c] += sums[c];
}

// The same, so that compilers see where a group is full.
template <size_t group, class T>
void lay(Layout<T> layout, size_t count, size_t columns, double* totals) {
    if (count >= group)
        lay_group<group>(layout, group, columns, totals);
    else
        lay_group<group>(layout, count, columns, totals);
}

// Ask for numbers that are read in turn: another thread may have found them, whose cache is far.
template <class T>
COFACTOR_INLINE void ask_for(const T* from, size_t count) {
    constexpr size_t line = 64 / sizeof(T);
    for (size_t i = 0; i < count; i += line) __builtin_prefetch(from + i);
}

// Lay out the components of all columns as passes take them, and add them up, a strip at a time.
template <class T>
void lay_components(Matrix<const T> columns, const T* weights, Matrix<T> whole, Matrix<T> rest,
                    double* totals) {
    constexpr size_t strip = 64;
    const size_t k = columns.columns, width = whole.columns;
    for (size_t c = 0; c < k; ++c) totals[c] = 0;
    for (size_t j = 0; j < columns.rows; j += strip) {
        const size_t size = smaller(strip, columns.rows - j);
        const T* const from = columns.data + j * k;
        const T* const own = weights ? weights + j : nullptr;
        ask_for(from + size * k, smaller(strip, columns.rows - j - size) * k);
        for (size_t c = 0; c < width; c += component_group)
            lay<component_group>(Layout<T>{from + c, k, whole.data + j * width + c, width, own},
                                 k - c, size, totals + c);
        if (rest.columns)
            lay<component_rest>(
                Layout<T>{from + width, k, rest.data + j * component_rest, component_rest, own},
                k - width, size, totals + width);
    }
}

// How k components are laid out: in whole groups, and up to four beside up to three of these.
struct Widths {
    size_t whole, rest;
};

COFACTOR_INLINE Widths widths_of(size_t k) {
    constexpr size_t most = 3 * component_group;
    const size_t whole = k / component_group * component_group, over = k - whole;
    if (whole && whole <= most && over && over <= component_rest) return {whole, component_rest};
    return {round_up(k, component_group), 0};
}

// A model whose components lie as passes take them: where nobody has laid them out, a thread does for
// itself, and finds them in its own cache.
template <class T>
class LaidOut {
public:
    explicit LaidOut(const PoissonModel<T>& given)
        : LaidOut(given, given.laid_out ? Widths{0, 0} : widths_of(given.k)) {}

    LaidOut(const LaidOut&) = delete;
    LaidOut& operator=(const LaidOut&) = delete;

    operator const PoissonModel<T>&() const { return model_; }

private:
    LaidOut(const PoissonModel<T>& given, Widths widths)
        : model_(given),
          whole_(given.columns.rows * widths.whole),
          rest_(given.columns.rows * widths.rest),
          totals_(given.k) {
        if (given.laid_out) return;
        const size_t d = given.columns.rows;
        const Matrix<T> whole{whole_, d, widths.whole}, rest{rest_, d, widths.rest};
        lay_components(given.columns, given.weights, whole, rest, totals_);
        model_.columns = {whole_, d, widths.whole};
        model_.rest = {rest_, d, widths.rest};
        if (!given.totals.rows) model_.totals = {totals_, 1, given.k};
    }

    PoissonModel<T> model_;
    const Scratch<T> whole_, rest_;
    const Scratch<double> totals_;
};

}  // namespace cofactor::COFACTOR_ISA
