// Nearest components of ranges of rows, searched for in whole numbers of 16 bits.
//
// Components are rounded to multiples of a power of two, g, so that the longest is just below 2^15;
// the rows of a panel to multiples of 2^s g, likewise. For a row 2^s g (q + r) and a component
// g (p + t) with whole q and p, rounding changes their product by 2^s g^2 (|r| |p + t| + |q| |t|)
// at most. A row whose smallest two losses are farther apart than that, and than rounding in its
// own precision can account for, has found its component; the others are searched again in their
// precision. So labels are those of a search in that, to the last tie.
#pragma once

#include "narrow.hpp"
#include "word_tiles.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr double longest_in_words = 32600;  // a norm, which rounding leaves below 2^15

// Components times a scale in whole numbers, interleaved by tiles.
class WordComponents {
public:
    template <class T>
    WordComponents(Matrix<const T> components, const T* offsets, const Rounding<T>& rounding)
        : k(components.rows),
          pairs((components.columns + 1) / 2),
          grain(choose_grain(rounding)),
          reach(static_cast<float>(rounding.reach / grain)),
          words_(round_up(k, tile_components) * pairs),
          offsets_(round_up(k, tile_components)) {
        for (size_t c = 0; c < round_up(k, tile_components); ++c) offsets_[c] = no_component;
        __builtin_memset(words_, 0, round_up(k, tile_components) * pairs * sizeof(std::int32_t));
        const double unit_of_loss = rounding.scale * rounding.scale / (grain * grain);
        for (size_t c = 0; c < k; ++c) {
            round(components.data + c * components.columns, components.columns,
                  rounding.scale / grain, c);
            if (offsets[c] < infinity<T>)
                offsets_[c] = static_cast<std::int32_t>(__builtin_rint(offsets[c] * unit_of_loss));
        }
    }

    // Whether rounding leaves something of them, and no loss is minus infinity.
    template <class T>
    static bool suit(size_t k, const T* offsets, const Rounding<T>& rounding) {
        bool finite = true;
        for (size_t c = 0; c < k; ++c) finite &= offsets[c] > -infinity<T>;
        return finite && rounding.reach > 0x1p-40 && rounding.reach < 0x1p40 &&
               rounding.offset < 0x1p13 * rounding.reach * rounding.reach;
    }

    size_t groups() const { return (k + tile_components - 1) / tile_components; }
    const std::int32_t* words_of(size_t group) const {
        return words_ + group * tile_components * pairs;
    }
    const std::int32_t* offsets_of(size_t group) const {
        return offsets_ + group * tile_components;
    }

    const size_t k, pairs;
    const double grain;
    const float reach;      // the longest, in grains
    float blur = 0;         // what rounding took from a component at most, in grains

private:
    // A power of two that keeps norms below 2^15 and offsets below 2^30.
    template <class T>
    static double choose_grain(const Rounding<T>& rounding) {
        const double norm = larger(rounding.reach, __builtin_sqrt(rounding.offset));
        const double grain = 0x1p-14 / narrowing_scale(&norm, 1);
        return norm > longest_in_words * grain ? 2 * grain : grain;
    }

    template <class T>
    void round(const T* e, size_t d, double factor, size_t c) {
        std::int32_t* const to =
            words_ + c / tile_components * tile_components * pairs + c % tile_components;
        double rest = 0;
        for (size_t l = 0; l < pairs; ++l) {
            std::int16_t pair[2] = {};
            for (size_t i = 2 * l; i < smaller(d, 2 * l + 2); ++i) {
                const double value = static_cast<double>(e[i]) * factor;
                const double whole = __builtin_rint(value);
                pair[i % 2] = static_cast<std::int16_t>(whole);
                rest += (value - whole) * (value - whole);
            }
            to[l * tile_components] = pair_of(pair[0], pair[1]);
        }
        blur = larger(blur, static_cast<float>(__builtin_sqrt(rest) * (1 + 1e-6)));
    }

    const Scratch<std::int32_t> words_, offsets_;
};

template <class T>
class WordNearest {
public:
    WordNearest(Matrix<const T> X, const T* shift, const WordComponents& components,
                const Tiles<T>& exact, const Rounding<T>& rounding)
        : rows_(searched(X, shift, rounding.scale)),
          components_(components),
          doubt_(rounding.doubt),
          settler_(X, shift, exact),
          panel_size_(tile_rows<float> * components.pairs),
          groups_(larger<size_t>(1, components_budget / (tile_components * components.pairs *
                                                         sizeof(std::int32_t)))),
          panels_(components.groups() <= groups_
                      ? few_panels
                      : larger<size_t>(1, panels_budget / (panel_size_ * sizeof(float) +
                                                           sizeof(Panel)))),
          floats_(2 * panel_size_),
          packed_(panels_ * panel_size_),
          panel_(panels_) {
        __builtin_memset(floats_, 0, 2 * panel_size_ * sizeof(float));
    }

    size_t rows_at_once() const { return panels_ * tile_rows<float>; }

    // Call found(row, count, components) for the rows of every panel; some may be corrected later.
    template <class Found>
    void run(size_t begin, size_t end, Found found) {
        for (; begin < end; begin += rows_at_once()) {
            const size_t last = smaller(begin + rows_at_once(), end);
            for (size_t row = begin, p = 0; row < last; row += tile_rows<float>, ++p)
                pack(row, smaller(tile_rows<float>, end - row), p);
            for (size_t g = 0; g < components_.groups(); g += groups_)
                for (size_t row = begin, p = 0; row < last; row += tile_rows<float>, ++p)
                    scan(g, smaller(g + groups_, components_.groups()), p);
            for (size_t row = begin, p = 0; row < last; row += tile_rows<float>, ++p)
                report(row, smaller(tile_rows<float>, last - row), panel_[p], found);
        }
    }

    // Correct what is in doubt; return how many rows have no finite loss.
    template <class Found>
    size_t finish(Found found) {
        settle(found);
        return astray_;
    }

private:
    struct Panel {
        WordTwo best;
        Vec<float> doubt[tile_vectors];  // differences of losses that rounding can bring about
        int halvings;                    // of offsets: rows are in grains times 2 to this power
    };

    void pack(size_t row, size_t count, size_t p) {
        pack_panel(rows_, count, [=](size_t i) { return row + i; }, static_cast<float*>(floats_));
        prefetch_rows(rows_, row + rows_at_once(), tile_rows<float>);
        Vec<float> squares[tile_vectors], largest{};
        for (size_t v = 0; v < tile_vectors; ++v) {
            squares[v] = panel_squares(floats_, 2 * components_.pairs, v);
            largest = squares[v] > largest && squares[v] < infinity<float> ? squares[v] : largest;
        }
        Panel& panel = panel_[p];
        panel.halvings = halvings_for(largest);
        const double grain = components_.grain * static_cast<double>(1 << panel.halvings);
        for (size_t v = 0; v < tile_vectors; ++v) round(v, squares[v], grain, p);
        panel.best.start();
    }

    int halvings_for(Vec<float> squares) const {
        constexpr int most = 30;
        float all[lanes<float>];
        store<float>(all, squares);
        float largest = 0;
        for (const float square : all) largest = larger(largest, square);
        int halvings = 0;
        for (double fit = longest_in_words * components_.grain;
             largest > fit * fit && halvings < most; fit *= 2)
            ++halvings;
        return halvings;
    }

    void round(size_t v, Vec<float> squares, double grain, size_t p) {
        const Rounded rounded = round_rows(floats_ + v * lanes<float>, components_.pairs,
                                           static_cast<float>(1 / grain),
                                           packed_ + p * panel_size_ + v * lanes<float>);
        const Vec<float> length = roots(__builtin_convertvector(rounded.square, Vec<float>));
        const Vec<float> in_words = rounded.rest * components_.reach + length * components_.blur;
        const float unit_of_loss = static_cast<float>(grain * components_.grain);
        const Vec<float> norm = (length + rounded.rest) * static_cast<float>(grain);
        const Vec<float> all =
            (2 * in_words + doubt_(norm) / unit_of_loss) * (1 + 64 * unit) + 4.0f;
        const float most = static_cast<float>(longest_in_words * grain);
        panel_[p].doubt[v] = squares <= most * most ? all : splat(infinity<float>);
    }

    [[gnu::noinline]] void scan(size_t begin, size_t end, size_t p) {
        const size_t pairs = components_.pairs;
        WordTwo best = panel_[p].best;
        for (size_t g = begin; g < end; ++g) {
            std::int32_t offsets[tile_components];
            for (size_t r = 0; r < tile_components; ++r)
                offsets[r] = halved(components_.offsets_of(g)[r], panel_[p].halvings);
            WordTile<tile_components> tile;
            word_losses<tile_components>(packed_ + p * panel_size_, components_.words_of(g), 1,
                                         tile_components, offsets, pairs, tile);
            best.offer<tile_components>(
                [=](size_t r) { return static_cast<Label>(g * tile_components + r); }, tile);
        }
        panel_[p].best = best;
    }

    COFACTOR_INLINE static std::int32_t halved(std::int32_t offset, int times) {
        return offset == no_component ? offset : offset >> times;
    }

    template <class Found>
    COFACTOR_INLINE void report(size_t row, size_t count, const Panel& panel, Found found) {
        const WordTwo& best = panel.best;
        Int<float> unsure[tile_vectors];
        for (size_t v = 0; v < tile_vectors; ++v) {
            const Int<float> gap = best.second[v] - best.loss[v];
            unsure[v] = ~(__builtin_convertvector(gap, Vec<float>) * (1 - 8 * unit) >
                          panel.doubt[v]);
        }
        found(row, count, best.slot);
        visit_rows(unsure, count, [&](size_t i) { doubtful_[doubts_++] = row + i; });
        if (doubts_ >= tile_rows<float>) settle(found);
    }

    template <class Found>
    [[gnu::noinline]] void settle(Found found) {
        Candidate<T> exact[2 * tile_rows<float>];
        settler_.settle(doubtful_, doubts_, exact);
        for (size_t i = 0; i < doubts_; ++i) {
            Int<float> component[tile_vectors] = {};
            component[0][0] = exact[i].component;
            found(doubtful_[i], 1, component);
            astray_ += !(__builtin_fabs(exact[i].loss) < static_cast<T>(__builtin_inf()));
        }
        doubts_ = 0;
    }

    const decltype(searched(Matrix<const T>{}, static_cast<const T*>(nullptr), 1.0)) rows_;
    const WordComponents& components_;
    const Doubt doubt_;
    const Settler<T> settler_;
    const size_t panel_size_, groups_, panels_;
    const Scratch<float> floats_;  // a panel that is being rounded
    const Scratch<std::int32_t> packed_;
    const Scratch<Panel> panel_;
    size_t doubtful_[2 * tile_rows<float>];
    size_t doubts_ = 0, astray_ = 0;
};

}  // namespace cofactor::COFACTOR_ISA
