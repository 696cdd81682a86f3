// Lloyd's iterations of dense rows under Gaussian noise with hard one-hot codes: one job.
//
// An iteration is a few stages: components move to the means of their rows; pilots count what
// bounds leave open; ranges of rows are searched for their nearest components; sums follow the rows
// whose labels changed. The job rests after an iteration, with labels, means and sums that belong
// together, and goes on from there.
#pragma once

#include "lloyd_choice.hpp"
#include "lloyd_means.hpp"
#include "lloyd_search.hpp"
#include "lloyd_strides.hpp"
#include "lloyd_sums.hpp"

namespace cofactor::COFACTOR_ISA {

template <class T>
class Lloyd : Course {
public:
    Lloyd(LloydRows<T> rows, LloydModel model, LloydTask task)
        : Course(model, task),
          rows_(rows),
          space_(rows.X.rows, rows.X.columns, model.k, Carver(task.space)),
          state_(*space_.progress),
          means_(model, space_),
          sums_(rows, model, space_),
          choice_(space_),
          search_(rows.X, rows.shift, space_),
          settler_(rows.X, rows.shift, space_.exact()),
          word_settler_(rows, model.means, space_, settler_),
          bounds_(rows, space_, settler_),
          word_bounds_(rows, space_, word_settler_),
          words_(space_, word_settler_),
          strides_(rows, space_) {}

    void run() {
        Relay<Lloyd>(board_).run(*this, [this] { return tired(); });
    }

    void work(size_t piece) {
        const size_t begin = space_.first_component(piece), end = space_.first_component(piece + 1);
        switch (state_.stage) {
            case Stage::measure: return measure(piece);
            case Stage::means: return recentre(begin, end);
            case Stage::pilot: return gauge(choice_.pilot(piece));
            case Stage::scan: return scan(piece);
            case Stage::sums: return sums_.add_up(begin, end, anew());
            case Stage::begin: return;
        }
    }

    size_t advance() {
        switch (state_.stage) {
            case Stage::begin: return begin();
            case Stage::measure: return choose_scale(), enter(Stage::means, space_.pieces);
            case Stage::means: return compare_components(), after_means();
            case Stage::pilot: return choice_.choose(), enter(Stage::scan, space_.ranges);
            case Stage::scan: return enter(Stage::sums, space_.pieces);
            case Stage::sums: break;
        }
        record();
        return rests() ? enter(Stage::begin, 0) : enter(Stage::means, space_.pieces);
    }

private:
    size_t enter(Stage stage, size_t pieces) {
        state_.stage = stage;
        return pieces;
    }

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
        for (size_t c = 0; c < space_.k; ++c) largest = larger(largest, means_.squared_norm(c));
        means_.choose_scale(largest);
    }

    void recentre(size_t begin, size_t end) {
        for (size_t c = begin; c < end; ++c)
            means_.recentre(c, stays(c, state_.weight), iteration() == 0);
    }

    void compare_components() {
        state_.between = 0;
        state_.shift = iteration() > 0 ? 0 : infinity<double>;
        for (size_t c = 0; c < space_.k; ++c) {
            state_.between += space_.between[c];
            state_.shift += space_.shifts[c];
        }
        if (space_.groups && iteration() == 0) means_.group();
        means_.measure();
    }

    size_t after_means() {
        if (!space_.groups || iteration() == 0) return enter(Stage::scan, space_.ranges);
        choice_.consider();
        return enter(Stage::pilot, choice_.pilots());
    }

    Doubt doubt() const { return Doubt(space_.d, state_.reach, state_.offset); }
    float loose() const { return static_cast<float>(state_.loose); }

    void gauge(size_t range) {
        RangeNotes& notes = space_.notes[range];
        notes.piloted = 0;
        if (notes.known) behind_bounds([&](auto& s) { s.gauge(range, doubt(), loose(), notes); });
    }

    void scan(size_t range) {
        RangeNotes& notes = space_.notes[range];
        notes.moved = notes.events = notes.searched = notes.doubts = notes.unclear = 0;
        if (iteration() == 0) prepare(range);
        const auto found = [&](size_t n, Label label) { assign(range, n, label); };
        const std::int64_t rows = static_cast<std::int64_t>(space_.end(range) - space_.begin(range));
        const std::int64_t k = static_cast<std::int64_t>(space_.k);
        notes.evaluations = rows * k;
        if (state_.words && !(state_.bounded && notes.known)) {
            notes.searched = rows;
            notes.doubts = static_cast<std::int64_t>(words_.run(range, doubt(), found));
            notes.evaluations += notes.doubts * k;
        } else if (space_.groups && (state_.bounded || choice_.is_pilot(range))) {
            notes.evaluations = 0;
            if (state_.far_groups > 0) notes.evaluations = rows * strides_.run(range);
            notes.evaluations += state_.gathered && notes.known ? k * gather(range, notes, found)
                                                                : open(range, notes, found);
        } else {
            search_.run(space_.begin(range), space_.end(range), doubt(), found);
            notes.known = -1;
        }
        ++notes.known;
        if (anew()) carry_all(range);
        sums_.close(range);
    }

    // Use the search behind bounds whose numbers are fine enough.
    template <class Use>
    void behind_bounds(Use use) {
        if (state_.words)
            use(word_bounds_);
        else
            use(bounds_);
    }

    // Compare rows with the groups that bounds leave open; return the number of distances.
    template <class Found>
    std::int64_t open(size_t range, RangeNotes& notes, Found found) {
        std::int64_t evaluations = 0;
        behind_bounds([&](auto& search) {
            const auto effort = search.run(range, notes.known, doubt(), loose(), found);
            evaluations = effort.evaluations;
            notes.searched = static_cast<std::int64_t>(space_.end(range) - space_.begin(range));
            notes.doubts = effort.doubts;
        });
        return evaluations;
    }

    // Search all components for the rows that bounds leave open; return the number of rows.
    template <class Found>
    std::int64_t gather(size_t range, RangeNotes& notes, Found found) {
        const auto left = word_bounds_.unclear(range, doubt(), loose());
        const Gathered rows{space_.begin(range), left.rows};
        notes.unclear = notes.searched = static_cast<std::int64_t>(left.count);
        notes.doubts =
            static_cast<std::int64_t>(words_.run(range, rows, left.count, doubt(), found));
        return notes.searched + notes.doubts;
    }

    void prepare(size_t range) {
        search_.prepare(space_.begin(range), space_.end(range));
        if (state_.words)
            space_.notes[range].rest =
                round_words(rows_, space_, space_.begin(range), space_.end(range));
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
        for (size_t n = space_.begin(range); n < space_.end(range); ++n) sums_.change(range, n, -1);
    }

    void assign(size_t range, size_t n, Label label) {
        const Label before = rows_.labels[n];
        if (label == before) return;
        rows_.labels[n] = label;
        ++space_.notes[range].moved;
        if (!anew()) sums_.change(range, n, before);
    }

    void record() {
        double affine = 0;
        for (size_t c = 0; c < space_.k; ++c) affine += space_.affine[c];
        std::int64_t moved = 0, evaluations = 0;
        for (size_t r = 0; r < space_.ranges; ++r) {
            moved += space_.notes[r].moved;
            evaluations += space_.notes[r].evaluations;
        }
        if (state_.words) choice_.doubt_words();
        Course::record(state_, affine, moved, evaluations);
    }

    const LloydRows<T> rows_;
    const LloydSpace<T> space_;
    Progress& state_;
    const Means<T> means_;
    const RowSums<T> sums_;
    const Choice<T> choice_;
    FullSearch<T> search_;
    const Settler<T> settler_;
    const WordSettler<T> word_settler_;
    BoundedSearch<T, FloatSlabs<T>> bounds_;
    BoundedSearch<T, WordSlabs<T>> word_bounds_;
    WordSearch<T> words_;
    StrideSearch<T> strides_;
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
