// Greedy k-means++: step by step, which candidate would lower the potential most.
//
// Candidates are drawn in proportion to w_n D_n, D_n the squared distance of row n from the closest
// seed. Rows that bounds cannot exclude are measured; those that a candidate would come closer to
// are marked, chunk by chunk, so that taking the winner of a step is a walk through its marks. Only
// the winner's distances are needed again, so all are forgotten and the winner's measured anew.
#pragma once

#include "relay.hpp"
#include "seeding_distances.hpp"
#include "seeding_draws.hpp"
#include "seeding_screen.hpp"

namespace cofactor::COFACTOR_ISA {

constexpr size_t chunk_slots = 4 * block_slots;  // of a piece of work: 64 strips
constexpr size_t chunk_strips = chunk_slots / strip_slots;
constexpr size_t word_slots = 64;
constexpr size_t chunk_words = chunk_slots / word_slots;
constexpr std::int32_t everything = 1 << 30;     // a reach that no pair of heads exceeds

// A row that may be closer to a candidate.
struct Hit {
    std::uint32_t slot, candidate;
};

template <class T>
class Seeding {
public:
    Seeding(SeedingRows<T> rows, SeedingState<T> state, SeedingDraws draws, SeedingFinds finds,
            std::int64_t* notes)
        : rows_(rows),
          state_(state),
          draws_(draws),
          finds_(finds),
          notes_(notes),
          trials_(draws.uniforms.columns),
          panels_(panels_of(rows.X.rows)),
          strips_(rows.heads.firsts.rows),
          pieces_((strips_ + chunk_strips - 1) / chunk_strips),
          candidates_(trials_, rows.heads, rows.profiles),
          found_(chunk_strips * trials_ + 1),
          hits_(chunk_slots * trials_),
          urn_(draws.uniforms, rows.X.rows),
          dirty_((panels_ + 63) / 64) {
        __builtin_memset(dirty_, 0, (panels_ + 63) / 64 * sizeof(std::uint64_t));
    }

    // Say how far rows reach, first of all; later settle the step before, unless there is none,
    // and draw the candidates of the next.
    size_t advance() {
        const std::int64_t before = notes_[begun]++;
        if (before == 0) {
            notes_[step] = static_cast<std::int64_t>(draws_.first_step);
            return pieces_;
        }
        if (before > 1) {
            settle();
            ++notes_[step];
        }
        return this_step() < draws_.last_step && draw() ? pieces_ : 0;
    }

    void work(size_t piece) {
        if (notes_[begun] == 1) return limit(piece);
        prepare();
        __builtin_memset(marks(piece, 0), 0, trials_ * chunk_words * sizeof(std::uint64_t));
        for (size_t q = 0; q < trials_; ++q) finds_.gains[piece * trials_ + q] = 0;
        const size_t first = piece * chunk_strips;
        measure(piece, pass_profiles(screen(first, smaller(first + chunk_strips, strips_))));
    }

private:
    enum Note { begun, step };  // how often the job advanced, and the step it is at

    COFACTOR_INLINE size_t this_step() const { return static_cast<size_t>(notes_[step]); }
    COFACTOR_INLINE size_t candidates_of(size_t s) const { return s == 0 ? 1 : trials_; }

    void prepare() {
        if (prepared_ == notes_[begun]) return;
        prepared_ = notes_[begun];
        candidates_.set(finds_.candidates, rows_.places, candidates_of(this_step()));
    }

    // Say how far the rows of a piece reach.
    void limit(size_t piece) const {
        const size_t first = piece * chunk_slots;
        const size_t last = smaller(first + chunk_slots, strips_ * strip_slots);
        for (size_t slot = first; slot < last; ++slot)
            state_.reach[slot] = rows_.order[slot] < 0 ? 0 : reach_of(slot);
    }

    // Find the pairs of some strips that heads cannot exclude.
    size_t screen(size_t first, size_t last) {
        Found* end =
            screen_firsts(rows_.heads, state_.reach, first, last, candidates_, found_);
        if (rows_.heads.others.columns)
            end = screen_others(rows_.heads, state_.reach, first, candidates_, found_, end);
        size_t count = 0;
        for (const Found* at = found_; at != end; ++at)
            for_each_bit(at->bits, [&](size_t lane) {
                const size_t slot = (first + at->strip) * strip_slots + lane;
                announce(slot);
                hits_[count++] = {static_cast<std::uint32_t>(slot), at->candidate};
            });
        return count;
    }

    COFACTOR_INLINE size_t row_in(size_t slot) const {
        return static_cast<size_t>(rows_.order[slot]);
    }

    COFACTOR_INLINE const T* row_of(Label row) const {
        return rows_.X.data + static_cast<size_t>(row) * rows_.X.columns;
    }

    COFACTOR_INLINE const T* row_at(size_t slot) const { return row_of(rows_.order[slot]); }

    COFACTOR_INLINE const std::int16_t* profile(size_t slot) const {
        return rows_.profiles.data + slot * rows_.profiles.columns;
    }

    // Fetch what the next look at a row will need.
    COFACTOR_INLINE void announce(size_t slot) const {
        if (rows_.profiles.columns)
            fetch(profile(slot), rows_.profiles.columns * sizeof(std::int16_t));
        else
            fetch_row(slot);
    }

    COFACTOR_INLINE void fetch_row(size_t slot) const {
        prefetch(row_at(slot), rows_.X.columns);
        prefetch(state_.closest + row_in(slot), 1);
        prefetch(rows_.weights + row_in(slot), 1);
    }

    // Keep the pairs that more coordinates cannot exclude either.
    size_t pass_profiles(size_t count) {
        if (rows_.profiles.columns == 0) return count;
        size_t kept = 0;
        for (size_t i = 0; i < count; i += lanes<float>) {
            const size_t before = kept;
            kept = pass_some(hits_ + i, smaller(count - i, lanes<float>), kept);
            for (size_t j = before; j < kept; ++j) fetch_row(hits_[j].slot);
        }
        return kept;
    }

    // Append those of up to as many pairs as there are lanes to the pairs kept.
    COFACTOR_INLINE size_t pass_some(const Hit* hits, size_t count, size_t kept) {
        const std::int16_t *own[lanes<float>], *others[lanes<float>];
        std::int32_t distances[lanes<float>];
        for (size_t j = 0; j < lanes<float>; ++j) {
            const Hit hit = hits[smaller(j, count - 1)];
            own[j] = profile(hit.slot);
            others[j] = candidates_.profile(hit.candidate);
        }
        store_words(distances, profile_distances(own, others, rows_.profiles.columns));
        for (size_t j = 0; j < count; ++j) {
            const Hit hit = hits[j];
            hits_[kept] = hit;
            kept += (distances[j] < fine_reach(hit.slot)) | !candidates_.has_head(hit.candidate);
        }
        return kept;
    }

    // How far a row reaches among profiles, squared, as it follows from its reach among heads.
    COFACTOR_INLINE double fine_reach(size_t slot) const {
        const std::int32_t reach = state_.reach[slot];
        if (reach >= everything) return everything;
        const double radius =
            rows_.fineness * __builtin_sqrt(static_cast<double>(reach)) + rows_.fine_slack;
        return radius * radius;
    }

    COFACTOR_INLINE std::uint64_t* marks(size_t piece, size_t q) const {
        return finds_.found + (piece * trials_ + q) * chunk_words;
    }

    // Mark the rows that a candidate is closer to, and add up what they would gain.
    void measure(size_t piece, size_t count) {
        for (size_t i = 0; i < count; i += lanes<T>)
            measure(piece, hits_ + i, smaller(count - i, lanes<T>));
    }

    // The same for up to as many pairs as there are lanes.
    COFACTOR_INLINE void measure(size_t piece, const Hit* hits, size_t count) {
        const T *rows[lanes<T>], *points[lanes<T>];
        for (size_t j = 0; j < lanes<T>; ++j) {
            const Hit hit = hits[smaller(j, count - 1)];
            rows[j] = row_at(hit.slot);
            points[j] = row_of(finds_.candidates[hit.candidate]);
        }
        const Vec<T> distances = row_distances<T>(rows, points, rows_.X.columns);
        for (size_t j = 0; j < count; ++j) {
            const size_t row = row_in(hits[j].slot), q = hits[j].candidate;
            const double gain =
                static_cast<double>(state_.closest[row]) - static_cast<double>(distances[j]);
            if (!(gain > 0)) continue;
            const size_t at = hits[j].slot % chunk_slots;
            marks(piece, q)[at / word_slots] |= std::uint64_t{1} << at % word_slots;
            finds_.gains[piece * trials_ + q] += rows_.weights[row] * gain;
        }
    }

    void settle() {
        const size_t winner = best(), taken = this_step();
        state_.chosen[taken] = finds_.candidates[winner];
        for (size_t piece = 0; piece < pieces_; ++piece)
            for (size_t word = 0; word < chunk_words; ++word)
                if (marks(piece, winner)[word])
                    take(piece * chunk_slots + word * word_slots, marks(piece, winner)[word],
                         finds_.candidates[winner]);
        for (size_t word = 0; word < (panels_ + 63) / 64; ++word) {
            for_each_bit(dirty_[word], [=](size_t bit) { add_up(word * 64 + bit); });
            dirty_[word] = 0;
        }
    }

    size_t best() const {
        size_t winner = 0;
        double most = -1;
        for (size_t q = 0; q < candidates_of(this_step()); ++q) {
            double gain = 0;
            for (size_t piece = 0; piece < pieces_; ++piece)
                gain += finds_.gains[piece * trials_ + q];
            if (gain > most) most = gain, winner = q;
        }
        return winner;
    }

    // Bring the rows of some of the slots from `first` on up to date.
    void take(size_t first, std::uint64_t bits, Label seed) {
        size_t slots[word_slots], count = 0;
        for_each_bit(bits, [&](size_t at) {
            slots[count++] = first + at;
            prefetch(row_at(first + at), rows_.X.columns);
        });
        for (size_t i = 0; i < count; i += lanes<T>)
            take(slots + i, smaller(count - i, lanes<T>), seed);
    }

    // The same for up to as many slots as there are lanes.
    COFACTOR_INLINE void take(const size_t* slots, size_t count, Label seed) {
        const T *rows[lanes<T>], *points[lanes<T>];
        for (size_t j = 0; j < lanes<T>; ++j) {
            rows[j] = row_at(slots[smaller(j, count - 1)]);
            points[j] = row_of(seed);
        }
        const Vec<T> distances = row_distances<T>(rows, points, rows_.X.columns);
        for (size_t j = 0; j < count; ++j) {
            const size_t row = row_in(slots[j]);
            state_.closest[row] = distances[j];
            touch(row / panel_rows);
            state_.reach[slots[j]] = reach_of(slots[j]);
        }
    }

    // Note that the potential of a panel has to be added up again, and fetch what that takes.
    COFACTOR_INLINE void touch(size_t panel) {
        const std::uint64_t bit = std::uint64_t{1} << panel % 64;
        if (dirty_[panel / 64] & bit) return;
        dirty_[panel / 64] |= bit;
        prefetch(rows_.weights + panel * panel_rows, panel_rows);
        prefetch(state_.closest + panel * panel_rows, panel_rows);
    }

    COFACTOR_INLINE std::int32_t reach_of(size_t slot) const {
        if (rows_.heads.norms[slot] == no_head) return everything;
        const double squared_distance = static_cast<double>(state_.closest[row_in(slot)]);
        const double radius = rows_.scale * __builtin_sqrt(squared_distance) + rows_.slack;
        return static_cast<std::int32_t>(smaller(radius * radius, everything - 1.0)) + 1;
    }

    COFACTOR_INLINE void add_up(size_t panel) {
        const size_t first = panel * panel_rows;
        const size_t count = smaller(panel_rows, rows_.X.rows - first);
        const double* const weights = rows_.weights + first;
        const T* const closest = state_.closest + first;
        state_.potentials[panel] = sum_of(
            count, [=](size_t i) { return weights[i] * static_cast<double>(closest[i]); });
    }

    // Draw the candidates of this step; false if no row has a potential.
    bool draw() {
        const auto mass = [this](size_t row) {
            return rows_.weights[row] * static_cast<double>(state_.closest[row]);
        };
        return urn_.next(this_step(), state_.chosen, state_.potentials, mass, finds_.candidates);
    }

    const SeedingRows<T> rows_;
    const SeedingState<T> state_;
    const SeedingDraws draws_;
    const SeedingFinds finds_;
    std::int64_t* const notes_;
    const size_t trials_, panels_, strips_, pieces_;
    Candidates candidates_;
    std::int64_t prepared_ = -1;
    const Scratch<Found> found_;
    const Scratch<Hit> hits_;
    Draws urn_;
    const Scratch<std::uint64_t> dirty_;
};

template <class T>
void seeding_steps(SeedingRows<T> rows, SeedingState<T> state, SeedingDraws draws,
                   SeedingFinds finds, std::int64_t* board) {
    Board* const shared = reinterpret_cast<Board*>(board);
    Seeding<T> job(rows, state, draws, finds, shared->notes);
    Relay<Seeding<T>>(shared).run(job);
}

}  // namespace cofactor::COFACTOR_ISA
