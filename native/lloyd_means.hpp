// Components as they are searched for: in tiles, in groups, in whole numbers; and their moves.
#pragma once

#include "lloyd_groups.hpp"
#include "lloyd_words.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class Means {
public:
    Means(const LloydModel& model, const LloydSpace<T>& space)
        : model_(model), space_(space), state_(*space.progress) {}

    double squared_norm(size_t c) const {
        const double* const mean = mean_of(c);
        return sum_of(space_.d, [=](size_t l) { return mean[l] * mean[l]; });
    }

    // Units of the search, given the largest squared norm.
    void choose_scale(double largest) const {
        const double norm = __builtin_sqrt(largest);
        state_.scale = space_.wide ? narrowing_scale(&norm, 1) : 1.0;
        choose_grain(norm * state_.scale);
    }

    // Move a component to the mean of its rows, unless it stays, and prepare the search for it.
    void recentre(size_t c, bool stays, bool first) const {
        const double divisor = divisor_of(c);
        const Step step = stays || divisor == 0 ? Step{} : move(c, divisor);
        space_.shifts[c] = step.square;
        space_.half_norms[c] = 0.5 * squared_norm(c);
        space_.between[c] = 2 * divisor * space_.half_norms[c];
        if (space_.few || first || !state_.words) pack_tiles(c);
        if (!space_.groups || first) return;
        follow(c, step);
        pack_slot(static_cast<size_t>(space_.places[c]), c);
    }

    // Put components into groups for good.
    void group() const {
        Grouping<T>(model_.means, space_).run();
        for (size_t s = 0; s < space_.k; ++s) pack_slot(s, static_cast<size_t>(space_.members[s]));
    }

    // What errors depend on.
    void measure() const {
        double largest = 0, blur = 0;
        for (size_t c = 0; c < space_.k; ++c) {
            largest = larger(largest, space_.half_norms[c]);
            if (space_.groups) blur = larger(blur, space_.blurs[c]);
        }
        state_.offset = largest * state_.scale * state_.scale;
        state_.reach = __builtin_sqrt(2 * largest) * state_.scale;
        state_.blur = blur + 0.01;  // which outweighs rounding to floats
    }

private:
    double* mean_of(size_t c) const { return model_.means + c * space_.d; }

    // A power of two that lets rounded coordinates, and norms, stay below 2^15.
    void choose_grain(double norm) const {
        constexpr double least = 0x1p-40, most = 0x1p40, longest = 32700;
        state_.grain = 0x1p-14 / narrowing_scale(&norm, 1);
        if (norm > longest * state_.grain) state_.grain *= 2;
        state_.words = space_.groups > 0 && state_.grain > least && state_.grain < most;
    }

    // What the sum of a component's rows is divided by to be its mean.
    double divisor_of(size_t c) const {
        if (!model_.on_sphere) return model_.counts[c];
        const double* const sum = model_.sums + c * space_.d;
        return __builtin_sqrt(sum_of(space_.d, [=](size_t l) { return sum[l] * sum[l]; }));
    }

    // Squared distances that a component moved, and that it moved as it is searched for.
    struct Step {
        double square, searched;
    };

    Step move(size_t c, double divisor) const {
        double* const mean = mean_of(c);
        const double* const sum = model_.sums + c * space_.d;
        Step sums{};
        for (size_t l = 0; l < space_.d; ++l) {
            const double next = sum[l] / divisor, step = next - mean[l];
            const double searched = as_searched(next) - as_searched(mean[l]);
            sums.square += step * step;
            sums.searched += searched * searched;
            mean[l] = next;
        }
        return sums;
    }

    COFACTOR_INLINE double as_searched(double value) const {
        return static_cast<double>(static_cast<float>(value * state_.scale));
    }

    void pack_tiles(size_t c) const {
        pack(c, state_.scale, space_.floats.tiles, space_.tile_offsets);
        if (space_.wide) pack(c, 1.0, space_.floats.exact_tiles, space_.exact_offsets);
    }

    // Interleave a component with the others of its tile; the last tile is filled up.
    template <class F>
    void pack(size_t c, double scale, F* tiles, F* offsets) const {
        const double* const mean = mean_of(c);
        const size_t copies = c + 1 < space_.k ? 1 : round_up(space_.k, tile_components) - c;
        for (size_t j = c; j < c + copies; ++j) {
            const size_t first = j / tile_components * tile_components;
            F* const to = tiles + first * space_.d + (j - first);
            for (size_t l = 0; l < space_.d; ++l)
                to[l * tile_components] = static_cast<F>(mean[l] * scale);
            const double offset = space_.half_norms[c] * scale * scale;
            offsets[j] = j == c ? static_cast<F>(offset) : infinity<F>;
        }
    }

    // Keep account of how far a component moved.
    void follow(size_t c, const Step& step) const {
        constexpr double upwards = 1 + 1e-6;  // outweighs the rounding of sums and to float32
        space_.steps[c] = __builtin_sqrt(step.searched) * upwards;
        space_.way[c] += space_.steps[c];
        space_.moved[c] = static_cast<float>(space_.way[c] * upwards);
    }

    // Who packs the last component also clears the slots after it.
    void pack_slot(size_t slot, size_t c) const {
        if (state_.words)
            pack_words(slot, c);
        else
            pack_floats(slot, c);
        if (slot + 1 == space_.k)
            for (size_t s = space_.k; s < space_.slots; ++s) clear(s);
    }

    void clear(size_t slot) const {
        space_.slab_offsets[slot] = infinity<float>;
        space_.word_offsets[slot] = no_component;
        if (state_.words)
            put_words(slot, [](size_t) { return 0; });
        else
            put_floats(slot, [](size_t) { return 0.0f; });
    }

    void pack_floats(size_t slot, size_t c) const {
        const double* const mean = mean_of(c);
        const double scale = state_.scale;
        put_floats(slot, [=](size_t l) { return static_cast<float>(mean[l] * scale); });
        space_.slab_offsets[slot] =
            static_cast<float>(space_.half_norms[c] * state_.scale * state_.scale);
    }

    template <class Values>
    void put_floats(size_t slot, Values values) const {
        float* const slab = space_.floats.slab_of(slot);
        for (size_t l = 0; l < space_.d; ++l) slab[l * slab_width] = values(l);
    }

    template <class Values>
    void put_words(size_t slot, Values values) const {
        std::int32_t* const tile = space_.words.tile_of(slot);
        std::int32_t* const slab = space_.words.slab_of(slot);
        for (size_t l = 0; l < space_.pairs; ++l)
            tile[l * tile_components] = slab[l * slab_width] = values(l);
    }

    void pack_words(size_t slot, size_t c) const {
        const double* const mean = mean_of(c);
        const double factor = state_.scale / state_.grain;
        std::int32_t* const vector = space_.words.vectors + c * space_.pairs;
        std::int64_t square = 0;
        double rest = 0;
        for (size_t l = 0; l < space_.pairs; ++l) {
            std::int16_t pair[2] = {};
            for (size_t i = 2 * l; i < smaller(space_.d, 2 * l + 2); ++i) {
                const double value = mean[i] * factor, whole = __builtin_rint(value);
                pair[i % 2] = static_cast<std::int16_t>(whole);
                square += static_cast<std::int64_t>(whole * whole);
                rest += (value - whole) * (value - whole);
            }
            vector[l] = pair_of(pair[0], pair[1]);
        }
        put_words(slot, [=](size_t l) { return vector[l]; });
        space_.word_offsets[slot] = static_cast<std::int32_t>(square >> 1);
        space_.blurs[c] = __builtin_sqrt(rest);
    }

    const LloydModel model_;
    const LloydSpace<T>& space_;
    Progress& state_;
};

}  // namespace cofactor::COFACTOR_ISA
