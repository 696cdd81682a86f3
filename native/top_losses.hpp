// Dense rows: products with all components, fused with the choice of the smallest losses.
//
// Lanes are rows. A panel holds as many rows as a tile, transposed; a group holds as many
// components as a tile, interleaved. One tile is a panel times a group, in registers.
#pragma once

#include "keepers.hpp"
#include "transpose.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t panels_budget = 128 * 1024;      // bytes of packed rows and their state
constexpr size_t components_budget = 192 * 1024;  // bytes of packed components, well inside L2
constexpr size_t few = 16;                        // beyond, sorting beats insertion

// Components interleaved by groups: values[(group * d + l) * tile_components + r].
template <class T>
class PackedComponents {
public:
    PackedComponents(size_t k, size_t d)
        : d(d),
          k(k),
          groups((k + tile_components - 1) / tile_components),
          values_(groups * tile_components * d),
          offsets_(groups * tile_components) {}

    PackedComponents(Matrix<const T> components, const T* offsets)
        : PackedComponents(components.rows, components.columns) {
        fill(components.data, offsets, T{1});
    }

    // Components times a scale, and offsets times its square, rounded to T.
    template <class S>
    void fill(const S* components, const S* offsets, S scale) {
        for (size_t j = 0; j < groups * tile_components; ++j) {
            T* const to = values_ + j / tile_components * tile_components * d + j % tile_components;
            const S* const from = components + j * d;
            for (size_t l = 0; l < d; ++l)
                to[l * tile_components] = j < k ? static_cast<T>(from[l] * scale) : T{0};
            offsets_[j] = j < k ? static_cast<T>(offsets[j] * scale * scale) : infinity<T>;
        }
    }

    COFACTOR_INLINE const T* group(size_t g) const { return values_ + g * tile_components * d; }
    COFACTOR_INLINE const T* offsets(size_t g) const { return offsets_ + g * tile_components; }
    COFACTOR_INLINE size_t count(size_t g) const {
        return smaller(tile_components, k - g * tile_components);
    }

    const size_t d, k, groups;

private:
    Scratch<T> values_, offsets_;
};

// Rows less a shift, to be packed in the precision that they have.
template <class T>
struct PlainRows {
    using Packed = T;

    Matrix<const T> X;
    const T* shift;

    COFACTOR_INLINE ShiftedRows<T> four(const T* const* rows) const { return {rows, shift}; }
};

// panel[l * tile_rows + i] = entry l of row at(i), for i < count; beyond, the last row is repeated.
template <class Rows, class At>
COFACTOR_INLINE void pack_panel(const Rows& rows, size_t count, At at,
                                typename Rows::Packed* panel) {
    using T = typename Rows::Packed;
    const size_t d = rows.X.columns;
    for (size_t i = 0; i < tile_rows<T>; i += 4) {
        decltype(rows.X.data) four[4];
        for (size_t j = 0; j < 4; ++j) four[j] = rows.X.data + at(smaller(i + j, count - 1)) * d;
        transpose_four(rows.four(four), d, panel + i, tile_rows<T>);
    }
}

// Entry l of component r of a group is group[r * across + l * along].
template <class T>
COFACTOR_INLINE void tile_losses(const T* panel, const T* group, size_t across, size_t along,
                                 const T* offsets, size_t d, Tile<T>& tile) {
    Tile<T> product = {};
    for (size_t l = 0; l < d; ++l) {
        Vec<T> x[tile_vectors];
        for (size_t v = 0; v < tile_vectors; ++v) x[v] = load(panel + v * lanes<T>);
        for (size_t r = 0; r < tile_components; ++r) {
            const Vec<T> e = splat(group[r * across]);
            for (size_t v = 0; v < tile_vectors; ++v) product[r][v] += x[v] * e;
        }
        panel += tile_rows<T>;
        group += along;
    }
    for (size_t r = 0; r < tile_components; ++r)
        for (size_t v = 0; v < tile_vectors; ++v) tile[r][v] = offsets[r] - product[r][v];
}

// All groups in [begin, end) against one panel.
template <class T, class Keeper>
void scan_panel(const T* panel, const PackedComponents<T>& components, size_t begin, size_t end,
                Keeper& keeper, size_t place) {
    auto state = keeper.take(place);
    for (size_t g = begin; g < end; ++g) {
        Tile<T> tile;
        tile_losses<T>(panel, components.group(g), 1, tile_components, components.offsets(g),
                       components.d, tile);
        state.offer(g * tile_components, components.count(g), tile);
    }
    keeper.put(place, state);
}

// How many panels and groups are worked on at once: what the budgets hold, and at least one.
template <class T, class Keeper>
struct Blocking {
    Blocking(const PackedComponents<T>& components, size_t rows, size_t keep)
        : all_panels((rows + tile_rows<T> - 1) / tile_rows<T>),
          panel_size(tile_rows<T> * components.d) {
        const size_t panel_bytes =
            panel_size * sizeof(T) + Keeper::bytes_per_panel(keep, components.k);
        const size_t group_bytes = larger<size_t>(1, tile_components * components.d * sizeof(T));
        panels = smaller(larger<size_t>(1, panels_budget / panel_bytes), all_panels);
        groups = larger<size_t>(1, components_budget / group_bytes);
    }

    const size_t all_panels, panel_size;
    size_t panels, groups;
};

// A block of panels stays in the cache while blocks of components pass by.
template <class T, class Keeper>
void scan(Matrix<const T> X, const T* shift, const PackedComponents<T>& components,
          Matrix<Label> index, double* loss) {
    const size_t keep = index.columns;
    const Blocking<T, Keeper> blocking(components, X.rows, keep);
    const Scratch<T> panels(blocking.panels * blocking.panel_size);
    Keeper keeper(keep, components.k, blocking.panels);
    for (size_t first = 0; first < blocking.all_panels; first += blocking.panels) {
        const size_t count = smaller(blocking.panels, blocking.all_panels - first);
        for (size_t p = 0; p < count; ++p) {
            const size_t row = (first + p) * tile_rows<T>;
            pack_panel(PlainRows<T>{X, shift}, X.rows - row, [=](size_t i) { return row + i; },
                       panels + p * blocking.panel_size);
            keeper.start(p);
        }
        for (size_t g = 0; g < components.groups; g += blocking.groups)
            for (size_t p = 0; p < count; ++p)
                scan_panel<T>(panels + p * blocking.panel_size, components, g,
                              smaller(g + blocking.groups, components.groups), keeper, p);
        const size_t end = smaller((first + count) * tile_rows<T>, X.rows);
        for (size_t row = first * tile_rows<T>, i = 0; row < end; ++row, ++i)
            keeper.write(i / tile_rows<T>, i % tile_rows<T>, index.data + row * keep,
                         loss + row * keep);
    }
}

template <class T>
void top_losses(Matrix<const T> X, const T* shift, Matrix<const T> components, const T* offsets,
                Matrix<Label> index, double* loss) {
    const PackedComponents<T> packed(components, offsets);
    const auto scan_rows = index.columns == 1     ? scan<T, Nearest<T>>
                           : index.columns <= few ? scan<T, Few<T>>
                                                  : scan<T, Many<T>>;
    scan_rows(X, shift, packed, index, loss);
}

}  // namespace cofactor::COFACTOR_ISA
