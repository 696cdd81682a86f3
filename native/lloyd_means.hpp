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
        space_.shifts[c] = stays || divisor == 0 ? 0 : move(c, divisor);
        space_.half_norms[c] = 0.5 * squared_norm(c);
        space_.between[c] = 2 * divisor * space_.half_norms[c];
        pack(c, state_.scale, space_.tiles, space_.tile_offsets);
        if (space_.wide) pack(c, 1.0, space_.exact_tiles, space_.exact_offsets);
        if (space_.groups) follow(c, first);
    }

    // Put components into groups for good.
    void group() const {
        Grouping<T>(space_).run();
        for (size_t s = space_.k; s < space_.slots; ++s) {
            space_.slab_offsets[s] = infinity<float>;
            space_.word_offsets[s] = no_component;
        }
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

    double move(size_t c, double divisor) const {
        double* const mean = mean_of(c);
        const double* const sum = model_.sums + c * space_.d;
        double shift = 0;
        for (size_t l = 0; l < space_.d; ++l) {
            const double next = sum[l] / divisor, step = next - mean[l];
            shift += step * step;
            mean[l] = next;
        }
        return shift;
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

    // Keep account of how far a component moved, as it is searched for.
    void follow(size_t c, bool first) const {
        constexpr double upwards = 1 + 1e-6;  // outweighs the rounding of sums and to float32
        const double* const mean = mean_of(c);
        float* const e = space_.vectors + c * space_.d;
        double square = 0;
        for (size_t l = 0; l < space_.d; ++l) {
            const float next = static_cast<float>(mean[l] * state_.scale);
            const double step = static_cast<double>(next) - static_cast<double>(e[l]);
            square += step * step;
            e[l] = next;
        }
        if (first) return;
        space_.steps[c] = __builtin_sqrt(square) * upwards;
        space_.way[c] += space_.steps[c];
        space_.moved[c] = static_cast<float>(space_.way[c] * upwards);
        pack_slot(static_cast<size_t>(space_.places[c]), c);
    }

    void pack_slot(size_t slot, size_t c) const {
        const float* const e = space_.vectors + c * space_.d;
        const size_t first = slot / slab_width * slab_width;
        if (state_.words) return pack_words(slot, c);
        float* const to = space_.slabs + first * space_.d + (slot - first);
        for (size_t l = 0; l < space_.d; ++l) to[l * slab_width] = e[l];
        space_.slab_offsets[slot] =
            static_cast<float>(space_.half_norms[c] * state_.scale * state_.scale);
    }

    void pack_words(size_t slot, size_t c) const {
        const double* const mean = mean_of(c);
        const double factor = state_.scale / state_.grain;
        std::int32_t* const tile = space_.words_of(slot);
        std::int32_t* const slab = space_.slab_of(slot);
        std::int32_t* const vector = space_.word_vectors + c * space_.pairs;
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
            tile[l * tile_components] = slab[l * slab_width] = vector[l];
        }
        space_.word_offsets[slot] = static_cast<std::int32_t>(square >> 1);
        space_.blurs[c] = __builtin_sqrt(rest);
    }

    const LloydModel model_;
    const LloydSpace<T>& space_;
    Progress& state_;
};

}  // namespace cofactor::COFACTOR_ISA
