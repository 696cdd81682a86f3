// Whether an iteration searches behind bounds, and for which components bounds do not loosen.
//
// Pilots, every so many ranges, count what bounds would leave open. Bounds loosen by as much as
// components moved, but for those that moved farther than a limit: their distances are found anew
// [StrideSearch]. The cheapest of a few limits is taken, or a full search.
#pragma once

#include "lloyd_bounds.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class Choice {
public:
    explicit Choice(const LloydSpace<T>& space) : space_(space), state_(*space.progress) {}

    size_t pilots() const { return (space_.ranges + pilot_every - 1) / pilot_every; }
    static size_t pilot(size_t piece) { return piece * pilot_every; }
    static bool is_pilot(size_t range) { return range % pilot_every == 0; }

    // Whole numbers are too coarse where some rows are much longer than most.
    void doubt_words() const {
        std::int64_t searched = 0, doubts = 0;
        for (size_t r = 0; r < space_.ranges; ++r) {
            searched += space_.notes[r].searched;
            doubts += space_.notes[r].doubts;
        }
        if (4 * doubts > searched) state_.words = false;
    }

    // How much the bounds of each group loosen under each limit.
    void consider() const {
        double farthest = 0;
        for (size_t c = 0; c < space_.k; ++c) farthest = larger(farthest, space_.steps[c]);
        for (size_t j = 0; j < n_limits; ++j) space_.limits[j] = farthest * limit_shares[j];
        for (size_t g = 0; g < space_.groups; ++g)
            for (size_t j = 0; j < n_limits; ++j)
                space_.loosening[g * n_limits + j] = loosening(g, space_.limits[j]);
    }

    // Choose by what the pilots counted, and let bounds loosen.
    void choose() const {
        const double slack = slack_of_bounds();
        size_t best = 0;
        double least = cost_of_all();
        state_.bounded = state_.gathered = false;
        for (size_t j = 0; j < (state_.words ? n_limits : 1) && piloted() > 0; ++j) {
            const double bounds = cost_of_bounds(j), opened = cost_of_open(j);
            const double gathered = state_.words ? slack * cost_of_gathered(j) : infinity<double>;
            if (!(bounds + smaller(opened, gathered) < least)) continue;
            least = bounds + smaller(opened, gathered);
            best = j;
            state_.bounded = true;
            state_.gathered = gathered < opened;
        }
        if (piloted() > 0) state_.expected = counted(&RangeNotes::open_under, best);
        loosen(best);
    }

private:
    static constexpr size_t pilot_every = 24;
    static constexpr double limit_shares[n_limits] = {1, 0.5, 0.25, 0.125, 0.0625, 0.03, 0.015, 0};

    double loosening(size_t g, double limit) const {
        double most = 0;
        for (size_t s = g * space_.group_size; s < space_.end_of_group(g); ++s) {
            const double step = space_.steps[space_.members[s]];
            if (!(step > limit)) most = larger(most, step);
        }
        return most;
    }

    double piloted() const {
        std::int64_t rows = 0;
        for (size_t piece = 0; piece < pilots(); ++piece)
            rows += space_.notes[pilot(piece)].piloted;
        return static_cast<double>(rows);
    }

    // Costs are in products of whole numbers; what else there is to do is worth so many.
    double cost_of_all() const {
        const size_t component = state_.words ? space_.d + 12 : 2 * space_.d + 8;
        return static_cast<double>(space_.n) *
               static_cast<double>(packing() + space_.k * component);
    }

    // Of bringing a row into the form that panels of rows are searched in, and of reading it.
    size_t packing() const { return 300 + 4 * space_.d; }

    // Of looking at bounds.
    double cost_of_bounds(size_t j) const {
        const double rows = static_cast<double>(space_.n);
        return rows * (static_cast<double>(200 + 16 * space_.groups) + cost_of_far(j));
    }

    // Of opening what they leave.
    double cost_of_open(size_t j) const {
        const size_t open_row = 2500 + 32 * space_.d + 64 * space_.groups;
        const size_t pair = 500 + space_.group_size * (2 * space_.d + space_.d / 2 + 8);
        return counted(&RangeNotes::open_under, j) * static_cast<double>(open_row) +
               counted(&RangeNotes::pairs_under, j) * static_cast<double>(pair);
    }

    // Of searching all components for as many rows.
    double cost_of_gathered(size_t j) const {
        const size_t row = 2 * packing() + 32 * space_.groups + space_.k * (space_.d + 12);
        return counted(&RangeNotes::open_under, j) * static_cast<double>(row);
    }

    // How many of all there are, by what the pilots counted under a limit.
    double counted(std::int64_t (RangeNotes::*counts)[n_limits], size_t j) const {
        double sum = 0;
        for (size_t piece = 0; piece < pilots(); ++piece)
            sum += static_cast<double>((space_.notes[pilot(piece)].*counts)[j]);
        return sum * static_cast<double>(space_.n) / piloted();
    }

    // How many rows bounds leave open before they are tightened, for each that stays open then: as
    // in the iteration before, or as is usual.
    double slack_of_bounds() const {
        constexpr double usual = 2, most = 8;
        std::int64_t unclear = 0;
        for (size_t r = 0; r < space_.ranges; ++r) unclear += space_.notes[r].unclear;
        if (unclear == 0 || !(state_.expected > 0)) return usual;
        return smaller(larger(static_cast<double>(unclear) / state_.expected, 1.0), most);
    }

    // Of a row; what there is no room for costs too much.
    double cost_of_far(size_t j) const {
        size_t components = 0, groups = 0;
        for (size_t g = 0; g < space_.groups; ++g) {
            const size_t far = count_far(g, space_.limits[j]);
            components += far;
            groups += far > 0;
        }
        if (components > space_.words.most_far) return infinity<double>;
        const size_t prepare = components ? packing() : 0;
        return static_cast<double>(components * (space_.d + 16) + 100 * groups + prepare);
    }

    size_t count_far(size_t g, double limit) const {
        size_t far = 0;
        for (size_t s = g * space_.group_size; s < space_.end_of_group(g); ++s)
            far += space_.steps[space_.members[s]] > limit;
        return far;
    }

    void loosen(size_t j) const {
        double farthest = 0;
        for (size_t g = 0; g < space_.groups; ++g) {
            space_.group_way[g] += space_.loosening[g * n_limits + j];
            space_.group_moved[g] = static_cast<float>(space_.group_way[g]);
            farthest = larger(farthest, space_.group_way[g]);
        }
        state_.loose = 16 * static_cast<double>(unit) * farthest;
        state_.chosen = static_cast<std::int64_t>(j);
        state_.far_groups = 0;
        if (state_.bounded && j > 0) list_far(space_.limits[j]);
    }

    void list_far(double limit) const {
        size_t size = 0;
        for (size_t g = 0; g < space_.groups; ++g) {
            const size_t before = size;
            for (size_t s = g * space_.group_size; s < space_.end_of_group(g); ++s)
                if (space_.steps[space_.members[s]] > limit) add_far(s, size++);
            if (size == before) continue;
            space_.far_groups[state_.far_groups] = static_cast<Label>(g);
            space_.far_ends[state_.far_groups++] = static_cast<Label>(size);
        }
    }

    void add_far(size_t slot, size_t at) const {
        const size_t c = static_cast<size_t>(space_.members[slot]);
        __builtin_memcpy(space_.words.far + at * space_.pairs,
                         space_.words.vectors + c * space_.pairs,
                         space_.pairs * sizeof(std::int32_t));
        space_.far_slots[at] = static_cast<Label>(slot);
        space_.far_offsets[at] = space_.word_offsets[slot];
    }

    const LloydSpace<T>& space_;
    Progress& state_;
};

}  // namespace cofactor::COFACTOR_ISA
