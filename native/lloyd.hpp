// Lloyd's iterations of dense rows under Gaussian noise with hard one-hot codes: one job.
//
// An iteration is three stages: components move to the means of their rows; ranges of rows are
// searched for their nearest components; sums follow the rows whose labels changed. The job rests
// after an iteration, with labels, means and sums that belong together, and goes on from there.
#pragma once

#include "lloyd_bounds.hpp"
#include "lloyd_groups.hpp"
#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class Lloyd {
public:
    Lloyd(LloydRows<T> rows, LloydModel model, LloydTask task)
        : rows_(rows),
          model_(model),
          task_(task),
          board_(reinterpret_cast<Board*>(task.board)),
          space_(rows.X.rows, rows.X.columns, model.k, Carver(task.space)),
          state_(*space_.progress),
          search_(rows.X, rows.shift, space_),
          bounded_(rows, space_),
          deadline_(seconds_now() + patience) {}

    void run() {
        Relay<Lloyd>(board_).run(*this, [this] { return seconds_now() > deadline_; });
    }

    void work(size_t piece) {
        switch (state_.stage) {
            case Stage::measure: return measure(piece);
            case Stage::means: return for_components(piece, [this](size_t c) { recentre(c); });
            case Stage::pilot: return scan(pilot(piece));
            case Stage::scan: return scan(follower(piece));
            case Stage::sums: return add_up(piece);
            case Stage::begin: return;
        }
    }

    size_t advance() {
        switch (state_.stage) {
            case Stage::begin: return begin();
            case Stage::measure: return choose_scale(), enter(Stage::means, space_.pieces);
            case Stage::means: return compare_components(), enter(Stage::pilot, pilots());
            case Stage::pilot: return weigh(), after_pilots();
            case Stage::scan: return enter(Stage::sums, space_.pieces);
            case Stage::sums: break;
        }
        record();
        return rests() ? enter(Stage::begin, 0) : enter(Stage::means, space_.pieces);
    }

private:
    static constexpr double patience = 0.15;    // seconds of a call
    static constexpr double empty = 1e-12;      // of all weight: components with less stay put
    static constexpr std::int64_t rebuild = 64;  // iterations after which sums are added up anew

    static constexpr size_t sure = 512;  // components beyond which bounds most likely pay

    size_t enter(Stage stage, size_t pieces) {
        state_.stage = stage;
        return pieces;
    }

    std::int64_t& iteration() const { return board_->notes[0]; }
    std::int64_t& changed_by_hand() const { return board_->notes[1]; }
    bool anew() const { return iteration() % rebuild == 0; }

    size_t begin() {
        if (changed_by_hand()) forget();
        if (iteration() > 0) return enter(Stage::means, space_.pieces);
        state_.started = seconds_now();
        return enter(Stage::measure, space_.ranges);
    }

    // Bounds do not hold for rows that somebody else moved.
    void forget() {
        changed_by_hand() = 0;
        for (size_t r = 0; r < space_.ranges; ++r) space_.notes[r].known = 0;
    }

    void measure(size_t range) {
        RangeNotes& notes = space_.notes[range];
        notes = {};
        for (size_t n = space_.begin(range); n < space_.end(range); ++n) {
            const double square = squared_row(n);
            notes.spread += rows_.weights[n] * square;
            notes.weight += rows_.weights[n];
            notes.largest = larger(notes.largest, square);
        }
    }

    void choose_scale() {
        double largest = 0;
        for (size_t r = 0; r < space_.ranges; ++r) {
            state_.spread += space_.notes[r].spread;
            state_.weight += space_.notes[r].weight;
            largest = larger(largest, space_.notes[r].largest);
        }
        for (size_t c = 0; c < space_.k; ++c) largest = larger(largest, squared_norm(c));
        const double norm = __builtin_sqrt(largest);
        state_.scale = space_.wide ? narrowing_scale(&norm, 1) : 1.0;
        state_.shift = infinity<double>;
    }

    double squared_norm(size_t c) const {
        const double* const mean = model_.means + c * space_.d;
        return sum_of(space_.d, [=](size_t l) { return mean[l] * mean[l]; });
    }

    template <class Visit>
    void for_components(size_t piece, Visit visit) {
        const size_t end = space_.first_component(piece + 1);
        for (size_t c = space_.first_component(piece); c < end; ++c) visit(c);
    }

    // Move a component to the mean of its rows, and prepare the search for it.
    void recentre(size_t c) {
        space_.shifts[c] = iteration() > 0 && model_.counts[c] > empty * state_.weight ? move(c) : 0;
        space_.half_norms[c] = 0.5 * squared_norm(c);
        space_.between[c] = 2 * model_.counts[c] * space_.half_norms[c];
        pack(c, state_.scale, space_.tiles, space_.tile_offsets);
        if (space_.wide) pack(c, 1.0, space_.exact_tiles, space_.exact_offsets);
        if (space_.groups) follow(c);
    }

    // Keep account of how far a component moved, as it is searched for.
    void follow(size_t c) {
        constexpr double upwards = 1 + 1e-6;  // outweighs the rounding of sums and to float32
        const double* const mean = model_.means + c * space_.d;
        float* const e = space_.vectors + c * space_.d;
        double square = 0;
        for (size_t l = 0; l < space_.d; ++l) {
            const float next = static_cast<float>(mean[l] * state_.scale);
            const double step = static_cast<double>(next) - static_cast<double>(e[l]);
            square += step * step;
            e[l] = next;
        }
        if (iteration() == 0) return;
        space_.steps[c] = __builtin_sqrt(square) * upwards;
        space_.way[c] += space_.steps[c];
        space_.moved[c] = static_cast<float>(space_.way[c] * upwards);
        pack_slot(static_cast<size_t>(space_.places[c]), c);
    }

    void pack_slot(size_t slot, size_t c) {
        const float* const e = space_.vectors + c * space_.d;
        float* const to = space_.slabs + slot / slab_width * slab_width * space_.d + slot % slab_width;
        for (size_t l = 0; l < space_.d; ++l) to[l * slab_width] = e[l];
        space_.slab_offsets[slot] =
            static_cast<float>(space_.half_norms[c] * state_.scale * state_.scale);
    }

    double move(size_t c) const {
        double* const mean = model_.means + c * space_.d;
        const double* const sum = model_.sums + c * space_.d;
        double shift = 0;
        for (size_t l = 0; l < space_.d; ++l) {
            const double next = sum[l] / model_.counts[c], step = next - mean[l];
            shift += step * step;
            mean[l] = next;
        }
        return shift;
    }

    // Interleave a component with the others of its tile; the last tile is filled up.
    template <class F>
    void pack(size_t c, double scale, F* tiles, F* offsets) const {
        const double* const mean = model_.means + c * space_.d;
        const size_t copies = c + 1 < space_.k ? 1 : round_up(space_.k, tile_components) - c;
        for (size_t j = c; j < c + copies; ++j) {
            F* const to = tiles + j / tile_components * tile_components * space_.d + j % tile_components;
            for (size_t l = 0; l < space_.d; ++l)
                to[l * tile_components] = static_cast<F>(mean[l] * scale);
            offsets[j] = j == c ? static_cast<F>(space_.half_norms[c] * scale * scale) : infinity<F>;
        }
    }

    void compare_components() {
        double between = 0, shift = 0, largest = 0;
        for (size_t c = 0; c < space_.k; ++c) {
            between += space_.between[c];
            shift += space_.shifts[c];
            largest = larger(largest, space_.half_norms[c]);
        }
        state_.between = between;
        if (iteration() > 0) state_.shift = shift;
        state_.offset = largest * state_.scale * state_.scale;
        state_.reach = __builtin_sqrt(2 * largest) * state_.scale;
        if (space_.groups == 0) return;
        if (iteration() == 0) group();
        follow_groups();
    }

    void group() {
        Grouping<T>(space_).run();
        state_.bounded = space_.k >= sure;
        for (size_t s = space_.k; s < space_.slots; ++s) space_.slab_offsets[s] = infinity<float>;
        for (size_t s = 0; s < space_.k; ++s) pack_slot(s, static_cast<size_t>(space_.members[s]));
    }

    void follow_groups() {
        double farthest = 0;
        for (size_t g = 0; g < space_.groups; ++g) {
            double step = 0;
            for (size_t s = g * space_.group_size; s < (g + 1) * space_.group_size; ++s)
                if (space_.members[s] >= 0) step = larger(step, space_.steps[space_.members[s]]);
            space_.group_way[g] += step;
            space_.group_moved[g] = static_cast<float>(space_.group_way[g]);
            farthest = larger(farthest, space_.group_way[g]);
        }
        state_.loose = 16 * static_cast<double>(unit) * farthest;
    }

    // Choose between full and bounded searches, by what the pilots counted.
    void weigh() {
        if (iteration() == 0) return;
        double bounded = 0, full = 0;
        for (size_t piece = 0; piece < pilots(); ++piece) {
            const size_t r = pilot(piece);
            if (space_.notes[r].known < 2) continue;  // all was open
            bounded += cost_of_bounds(r);
            full += static_cast<double>((space_.end(r) - space_.begin(r)) * space_.tiles_size);
        }
        if (full > 0) state_.bounded = bounded < (state_.bounded ? 1.1 : 0.8) * full;
    }

    // In products; what else there is to do is worth so many.
    double cost_of_bounds(size_t r) const {
        const RangeNotes& notes = space_.notes[r];
        const size_t row = 40 + 4 * space_.groups;
        const size_t open = 480 + 8 * space_.d + 32 * space_.groups;
        const size_t pair = 240 + space_.group_size * (space_.d + space_.d / 4 + 4);
        return static_cast<double>((space_.end(r) - space_.begin(r)) * row +
                                   static_cast<size_t>(notes.open) * open +
                                   static_cast<size_t>(notes.pairs) * pair);
    }

    // Some ranges are searched first, and always behind bounds, to tell whether bounds pay.
    static constexpr size_t pilot_every = 24;
    size_t pilots() const { return (space_.ranges + pilot_every - 1) / pilot_every; }
    size_t after_pilots() {
        const size_t others = space_.ranges - pilots();
        return others ? enter(Stage::scan, others) : enter(Stage::sums, space_.pieces);
    }
    static size_t pilot(size_t piece) { return piece * pilot_every; }
    static size_t follower(size_t piece) {
        return piece / (pilot_every - 1) * pilot_every + piece % (pilot_every - 1) + 1;
    }

    void scan(size_t range) {
        RangeNotes& notes = space_.notes[range];
        notes.moved = notes.events = notes.open = notes.pairs = 0;
        if (iteration() == 0) measure_norms(range);
        const Doubt doubt(space_.d, state_.reach, state_.offset);
        const auto found = [&](size_t n, Label label) { assign(range, n, label); };
        if (space_.groups && (state_.bounded || range % pilot_every == 0)) {
            bounded_.run(range, notes.known, doubt, static_cast<float>(state_.loose), notes, found);
            ++notes.known;
        } else {
            search_.run(space_.begin(range), space_.end(range), doubt, found);
            notes.known = 0;
        }
        if (anew()) carry_all(range);
    }

    void measure_norms(size_t range) {
        for (size_t n = space_.begin(range); n < space_.end(range); ++n)
            space_.norms[n] = static_cast<float>(__builtin_sqrt(squared_row(n)) * state_.scale);
    }

    double squared_row(size_t n) const {
        const T* const x = rows_.X.data + n * space_.d;
        return sum_of(space_.d, [=](size_t l) {
            const double z = static_cast<double>(x[l]) - static_cast<double>(rows_.shift[l]);
            return z * z;
        });
    }

    void carry_all(size_t range) {
        for (size_t n = space_.begin(range); n < space_.end(range); ++n) change(range, n, -1);
    }

    void assign(size_t range, size_t n, Label label) {
        const Label before = rows_.labels[n];
        if (label == before) return;
        rows_.labels[n] = label;
        ++space_.notes[range].moved;
        if (!anew()) change(range, n, before);
    }

    // Carry a row from the sums of one component to those of its label, now or later.
    void change(size_t range, size_t n, Label from) {
        if (!space_.fused) return remember(range, n, from);
        carry_own(range, n, rows_.weights[n], rows_.labels[n]);
        if (from >= 0) carry_own(range, n, -rows_.weights[n], from);
    }

    void remember(size_t range, size_t n, Label from) {
        const size_t at = space_.begin(range) + static_cast<size_t>(space_.notes[range].events++);
        space_.event_row[at] = static_cast<Label>(n);
        space_.event_from[at] = from;
    }

    // Add a row to a component's sums, or take it away if the weight is negative.
    template <class Size>
    COFACTOR_INLINE void carry(size_t n, double weight, double* __restrict sums, double& count,
                               Size& size) const {
        const T* __restrict const x = rows_.X.data + n * space_.d;
        const T* __restrict const shift = rows_.shift;
        for (size_t l = 0; l < space_.d; ++l)
            sums[l] += weight * (static_cast<double>(x[l]) - static_cast<double>(shift[l]));
        count += weight;
        size += static_cast<Size>((weight > 0) - (weight < 0));
    }

    void carry_own(size_t range, size_t n, double weight, Label to) const {
        const size_t c = static_cast<size_t>(to);
        space_.touched[range * space_.k + c] = 1;
        double* const own = space_.own_of(range, c);
        carry(n, weight, own, own[space_.d], own[space_.d + 1]);
    }

    void add_up(size_t piece) {
        if (anew()) for_components(piece, [this](size_t c) { clear(c); });
        if (space_.fused)
            for_components(piece, [this](size_t c) { gather(c); });
        else
            replay(space_.first_component(piece), space_.first_component(piece + 1));
        for_components(piece, [this](size_t c) { conclude(c); });
    }

    void clear(size_t c) {
        model_.sizes[c] = 0;
        model_.counts[c] = 0;
        for (size_t l = 0; l < space_.d; ++l) model_.sums[c * space_.d + l] = 0;
    }

    // Add what all ranges gained for a component, range by range.
    void gather(size_t c) {
        const size_t d = space_.d;
        for (size_t r = 0; r < space_.ranges; ++r) {
            if (!space_.touched[r * space_.k + c]) continue;
            space_.touched[r * space_.k + c] = 0;
            double* __restrict const own = space_.own_of(r, c);
            double* __restrict const sum = model_.sums + c * d;
            for (size_t l = 0; l < d; ++l) sum[l] += own[l];
            model_.counts[c] += own[d];
            model_.sizes[c] += static_cast<std::int64_t>(own[d + 1]);
            for (size_t l = 0; l < d + 2; ++l) own[l] = 0;
        }
    }

    // Carry the rows that came to some components or left them, row by row.
    void replay(size_t begin, size_t end) {
        for (size_t r = 0; r < space_.ranges; ++r)
            for (size_t e = 0; e < static_cast<size_t>(space_.notes[r].events); ++e) {
                const size_t at = space_.begin(r) + e;
                const size_t n = static_cast<size_t>(space_.event_row[at]);
                carry_into(n, rows_.weights[n], rows_.labels[n], begin, end);
                carry_into(n, -rows_.weights[n], space_.event_from[at], begin, end);
            }
    }

    COFACTOR_INLINE void carry_into(size_t n, double weight, Label to, size_t begin, size_t end) {
        const size_t c = static_cast<size_t>(to);  // -1, from nowhere, is beyond any end
        if (c >= begin && c < end)
            carry(n, weight, model_.sums + c * space_.d, model_.counts[c], model_.sizes[c]);
    }

    void conclude(size_t c) {
        if (model_.sizes[c] == 0) clear(c);
        const double* const mean = model_.means + c * space_.d;
        const double* const sum = model_.sums + c * space_.d;
        space_.affine[c] = model_.counts[c] * space_.half_norms[c] -
                           sum_of(space_.d, [=](size_t l) { return sum[l] * mean[l]; });
    }

    void record() {
        double affine = 0;
        for (size_t c = 0; c < space_.k; ++c) affine += space_.affine[c];
        std::int64_t moved = 0;
        for (size_t r = 0; r < space_.ranges; ++r) moved += space_.notes[r].moved;
        const size_t i = static_cast<size_t>(iteration()++);
        double* const line = task_.trace.data + i * task_.trace.columns;
        line[0] = affine;
        line[1] = state_.between;
        line[2] = state_.spread;
        line[3] = static_cast<double>(moved);
        line[4] = state_.shift;
        line[5] = seconds_now() - state_.started;
    }

    // Whether somebody has to look at the iteration that was recorded last.
    bool rests() const {
        const size_t done = static_cast<size_t>(iteration());
        const double* const line = task_.trace.data + (done - 1) * task_.trace.columns;
        bool empties = false;
        for (size_t c = 0; c < space_.k; ++c) empties |= model_.sizes[c] == 0;
        return done >= task_.until || line[3] == 0 || line[4] <= task_.tolerance || empties;
    }

    const LloydRows<T> rows_;
    const LloydModel model_;
    const LloydTask task_;
    Board* const board_;
    const LloydSpace<T> space_;
    Progress& state_;
    FullSearch<T> search_;
    BoundedSearch<T> bounded_;
    const double deadline_;
};

template <class T>
void lloyd(LloydRows<T> rows, LloydModel model, LloydTask task) {
    Lloyd<T>(rows, model, task).run();
}

template <class T>
size_t lloyd_space(size_t n, size_t d, size_t k) {
    return LloydSpace<T>(n, d, k, Carver(nullptr)).size;
}

}  // namespace cofactor::COFACTOR_ISA
