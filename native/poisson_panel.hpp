// Dense counts of a few rows at a time under fixed components: lanes are rows.
//
// Some columns of the rows are transposed into a panel. Products with the codes and quotients turn
// its counts into rates, and these are multiplied back with the components before they leave the
// first cache. Components lie in strips of as many columns: [strip][component][column].
#pragma once

#include "poisson_row.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t strip_size = 64;  // columns

// Vectors of rows in a panel; where rows are transposed by twos of them, there are two in any case.
template <class T>
constexpr size_t most_panel_vectors = rows_together<T> > lanes<T> ? 2 : 3;

// Outputs of a tile for each of its vectors of rows: as many sums as leave registers free.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr size_t panel_outputs = 8;
#else
constexpr size_t panel_outputs = 4;
#endif

constexpr size_t even(size_t k) { return round_up(k, 2); }

// sums[i] += numbers[i * step] times the values of the rows.
template <class T, size_t outputs, size_t vectors>
COFACTOR_INLINE void add_outer(const T* numbers, size_t step, const T* rows,
                               Vec<T> (&sums)[outputs][vectors]) {
    Vec<T> values[vectors];
    for (size_t v = 0; v < vectors; ++v) values[v] = load(rows + v * lanes<T>);
#pragma GCC unroll 8
    for (size_t i = 0; i < outputs; ++i) {
        const Vec<T> number = splat(numbers[i * step]);
        for (size_t v = 0; v < vectors; ++v) sums[i][v] += number * values[v];
    }
}

// to += numbers [output][column] times values [column][row] of some columns.
template <class T, size_t outputs, size_t vectors>
[[gnu::noinline]] void add_products(const T* numbers, const T* values, size_t columns, T* to) {
    constexpr size_t rows = vectors * lanes<T>;
    Vec<T> sums[outputs][vectors];
    for (size_t i = 0; i < outputs; ++i)
        for (size_t v = 0; v < vectors; ++v) sums[i][v] = load(to + i * rows + v * lanes<T>);
    for (size_t l = 0; l < columns; ++l)
        add_outer(numbers + l, strip_size, values + l * rows, sums);
    for (size_t i = 0; i < outputs; ++i)
        for (size_t v = 0; v < vectors; ++v) store<T>(to + i * rows + v * lanes<T>, sums[i][v]);
}

// Entries of rows that need not follow each other.
template <class T>
struct RowsAnywhere {
    const T* const* rows;

    COFACTOR_INLINE T one(size_t j, size_t l) const { return rows[j][l]; }
    COFACTOR_INLINE typename Quad<T>::Vec four(size_t j, size_t l) const {
        return load_quad(rows[j] + l);
    }
    COFACTOR_INLINE Vec<float> quads(size_t j, size_t l) const {
        return side_by_side([this, j, l](size_t i) { return load_quad(rows[j + 4 * i] + l); });
    }
};

// What becomes of counts that a fitted value explains.
struct Rates {
    template <class V>
    COFACTOR_INLINE static V of(V x, V fitted) {
        return x / fitted;
    }
};
struct Bends {
    template <class V>
    COFACTOR_INLINE static V of(V x, V fitted) {
        return x / fitted / fitted;
    }
};

// Sums of x log(fitted), or none.
template <class T>
class Nats {
public:
    COFACTOR_INLINE void add(Vec<T> x, Vec<T> fitted) { sum_.add(x * log_positive<T>(fitted)); }
    COFACTOR_INLINE void add_to(double* rows) { sum_.add_to(rows); }

private:
    DoubleSum<T> sum_;
};
template <class T>
struct NoNats {
    COFACTOR_INLINE void add(Vec<T>, Vec<T>) {}
    COFACTOR_INLINE void add_to(double*) const {}
};

// What is seen of the counts of each row on the way.
template <class T>
struct PanelSeen {
    T* most;         // the largest count
    T* unexplained;  // the largest one that nothing explains
    double* nats;    // sums of x log(fitted), where they are asked for
};

template <class T, size_t vectors>
class Panel {
public:
    static constexpr size_t rows = vectors * lanes<T>;

    // `space` is for a strip of counts of the rows.
    Panel(const PoissonModel<T>& model, size_t n_columns, T* space)
        : model_(model), n_columns_(n_columns), width_(even(model.k)), space_(space) {}

    // Give rates, or what else counts become, at codes [component][row], strip by strip to
    // `use(components, values, columns)`, with [component][column] and [column][row].
    template <class Become, class Likelihood, class Use>
    COFACTOR_INLINE void visit(const T* const* X, const T* codes, PanelSeen<T> seen, Use use) const {
        __builtin_memset(seen.most, 0, rows * sizeof(T));
        __builtin_memset(seen.unexplained, 0, rows * sizeof(T));
        __builtin_memset(seen.nats, 0, rows * sizeof(double));
        const T* strip = model_.strips;
        for (size_t first = 0; first < n_columns_; first += strip_size, strip += width_ * strip_size) {
            const size_t size = smaller(strip_size, n_columns_ - first);
            pack(X, first, size);
            if (model_.weights) weigh(model_.weights + first, size);
            for (size_t l = 0; l < size; l += panel_outputs)
                become<Become, Likelihood>(strip + l, codes, space_ + l * rows, seen);
            use(strip, static_cast<const T*>(space_), size);
        }
    }

    // explained += components times rates, with components in tiles of about the same size.
    void multiply_back(const T* components, const T* rates, size_t columns, T* explained) const {
        constexpr size_t most = panel_outputs / 2;
        const size_t pairs = width_ / 2, tiles = (pairs + most - 1) / most;
        for (size_t t = 0, first = 0; t < tiles; ++t) {
            const size_t size = pairs / tiles + (t < pairs % tiles);
            const T* const from = components + 2 * first * strip_size;
            T* const to = explained + 2 * first * rows;
            if (size == most)
                add_products<T, panel_outputs, vectors>(from, rates, columns, to);
            else if (size == 1)
                add_products<T, 2, vectors>(from, rates, columns, to);
            else if (size == 2)
                add_products<T, 4, vectors>(from, rates, columns, to);
            else
                add_products<T, smaller<size_t>(6, panel_outputs), vectors>(from, rates, columns, to);
            first += size;
        }
    }

private:
    // Transpose some columns of the rows; zeros fill up the last tile.
    [[gnu::noinline]] void pack(const T* const* X, size_t first, size_t size) const {
        constexpr size_t together = rows_together<T>;
        const T* at[rows];
        for (size_t r = 0; r < rows; ++r) at[r] = X[r] + first;
        for (size_t r = 0; r < rows; r += together)
            transpose(RowsAnywhere<T>{at + r}, size, space_ + r, rows);
        const size_t end = round_up(size, panel_outputs);
        __builtin_memset(space_ + size * rows, 0, (end - size) * rows * sizeof(T));
        if (first + size + strip_size <= n_columns_)
            for (size_t r = 0; r < rows; ++r) fetch(at[r] + size, strip_size * sizeof(T));
    }

    void weigh(const T* weights, size_t size) const {
        for (size_t l = 0; l < size; ++l)
            for (size_t r = 0; r < rows; r += lanes<T>) {
                T* const at = space_ + l * rows + r;
                store<T>(at, load(at) * weights[l]);
            }
    }

    // Fit the counts of a tile's columns, and put in their place what they become.
    template <class Become, class Likelihood>
    [[gnu::noinline]] void become(const T* components, const T* codes, T* counts,
                                  PanelSeen<T> seen) const {
        Vec<T> fitted[panel_outputs][vectors] = {};
        for (size_t c = 0; c < model_.k; ++c)
            add_outer(components + c * strip_size, 1, codes + c * rows, fitted);
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; ++v) {
            Likelihood likelihood;
            Vec<T> most = load(seen.most + v * lanes<T>);
            Vec<T> unexplained = load(seen.unexplained + v * lanes<T>);
#pragma GCC unroll 8
            for (size_t i = 0; i < panel_outputs; ++i) {
                T* const at = counts + i * rows + v * lanes<T>;
                const Vec<T> x = load(at), own = positive<T>(fitted[i][v]);
                const Vec<T> explained = fitted[i][v] < least_fitted<T> ? Vec<T>{} : x;
                most = at_least(x, most);
                unexplained = at_least(x - explained, unexplained);
                likelihood.add(x, own);
                store<T>(at, Become::of(explained, own));
            }
            store<T>(seen.most + v * lanes<T>, most);
            store<T>(seen.unexplained + v * lanes<T>, unexplained);
            likelihood.add_to(seen.nats + v * lanes<T>);
        }
    }

    const PoissonModel<T>& model_;
    const size_t n_columns_, width_;
    T* const space_;
};

}  // namespace cofactor::COFACTOR_ISA
