// Rows against one list of components for all, in whole numbers of 16 bits: in half the time.
//
// Rows and components are rounded to multiples of a power of two, the grain, so that the longest
// component is below 2^14. What is found is measured in floats afterwards. Where rounding is not
// small beside a row's distance to what it found, or rows are too long, floats are searched.
#pragma once

#include "neighbor_panel.hpp"
#include "word_tiles.hpp"

namespace cofactor::COFACTOR_ISA {

class WordShortlist {
public:
    WordShortlist(const NeighborCenters& centers, const Label* list, size_t count, size_t columns)
        : pairs_((columns + 1) / 2),
          count_(pays(count, columns) ? count : 0),
          grain_(count_ ? choose_grain(centers, list, count_) : 0),
          words_(round_up(count_, tile_components) * pairs_),
          offsets_(round_up(count_, tile_components)),
          places_(round_up(count_, tile_components)),
          shares_(round_up(count_, tile_components)),
          doubt_(0.5f * least_steps * least_steps * static_cast<float>(columns)) {
        for (size_t i = 0; i < round_up(count_, tile_components); ++i)
            put(centers, i, i < count_ ? list[i] : -1, columns);
    }

    bool usable() const { return grain_ > 0; }
    size_t size() const { return count_; }
    size_t panel_size() const { return usable() ? pairs_ * tile_rows<float> : 0; }

    // Round a panel of floats, zero beyond its columns; return whether its rows are short enough.
    bool round(const float* packed, std::int32_t* words, TargetPanel& panel) const {
        bool fits = true;
        for (size_t v = 0; v < tile_vectors; ++v) {
            const Vec<float> limit = splat(longest * longest * grain_ * grain_);
            fits &= !any<float>(2 * panel.half_norm[v] >= limit);
        }
        for (size_t v = 0; fits && v < tile_vectors; ++v)
            panel.whole_half_norm[v] =
                round_rows(packed + v * lanes<float>, pairs_, 1 / grain_, words + v * lanes<float>)
                    .square >>
                1;
        return fits;
    }

    // Offer those from begin to end to a panel; not inlined, to have all registers for products.
    [[gnu::noinline]] void offer(const std::int32_t* panel_words, size_t begin, size_t end,
                                 TargetPanel& panel) const {
        for (size_t i = begin; i < end; i += tile_components) {
            WordTile<tile_components> losses;
            word_losses<tile_components>(panel_words, words_ + i * pairs_, 1, tile_components,
                                         offsets_ + i, pairs_, losses);
            panel.offer<tile_vectors, tile_components>(
                [&](size_t r, size_t v) {
                    return __builtin_convertvector(panel.whole_half_norm[v] + losses[r][v],
                                                   Vec<float>);
                },
                shares_ + i, places_ + i);
        }
    }

    // Whether rounding may matter to what some of a panel's rows found.
    bool in_doubt(const TargetPanel& panel) const {
        bool doubt = false;
        for (size_t v = 0; v < tile_vectors; ++v)
            doubt |= any<float>(panel.half_square[v] < doubt_);
        return doubt;
    }

private:
    static constexpr float longest = 32600;     // norm of a row, in grains
    static constexpr float most_norm = 0x1p14f;  // of a component
    static constexpr float least_steps = 16;    // grains by column and root: a safe distance

    // Rounding a row costs about as much as comparing it with a few dozen components.
    static bool pays(size_t count, size_t columns) {
        constexpr size_t least_components = 64, least = 20, most = 4096;
        return count >= least_components && columns >= least && columns <= most;
    }

    // The power of two that leaves the longest component below `most_norm`; 0 if there is none.
    static float choose_grain(const NeighborCenters& centers, const Label* list, size_t count) {
        float largest = 0;
        for (size_t i = 0; i < count; ++i) {
            const float half_norm = list[i] < 0 ? 0 : centers.half_norms[list[i]];
            if (half_norm < infinity<float>) largest = larger(largest, half_norm);
        }
        return grain_of(static_cast<float>(__builtin_sqrt(2.0 * static_cast<double>(largest))),
                        most_norm);
    }

    void put(const NeighborCenters& centers, size_t i, Label place, size_t columns) {
        std::int32_t* const to =
            words_ + i / tile_components * tile_components * pairs_ + i % tile_components;
        const size_t p = static_cast<size_t>(larger(place, 0));
        const bool filled = place >= 0 && centers.half_norms[p] < infinity<float>;
        const float* const e = centers.vectors.data + p * centers.vectors.columns;
        std::int32_t square = 0;
        for (size_t l = 0; l < pairs_; ++l) {
            std::int16_t pair[2] = {};
            for (size_t j = 2 * l; filled && j < smaller(columns, 2 * l + 2); ++j) {
                const std::int32_t whole =
                    static_cast<std::int32_t>(__builtin_rintf(e[j] / grain_));
                pair[j % 2] = static_cast<std::int16_t>(whole);
                square += whole * whole;
            }
            to[l * tile_components] = pair_of(pair[0], pair[1]);
        }
        offsets_[i] = filled ? square >> 1 : no_component;
        places_[i] = filled ? place : -1;
        shares_[i] = filled ? centers.shares[p] : 0.0f;
    }

    const size_t pairs_, count_;
    const float grain_;
    const Scratch<std::int32_t> words_, offsets_;
    const Scratch<Label> places_;
    const Scratch<float> shares_;
    const float doubt_;
};

}  // namespace cofactor::COFACTOR_ISA
