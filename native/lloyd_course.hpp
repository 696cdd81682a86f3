// What Lloyd's iterations have in common, however rows are stored: their count, their trace, and
// when to rest.
#pragma once

#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

// Where a fit stands, for the trace.
struct CourseProgress {
    double started;         // in seconds
    double weight;          // of all rows
    double spread;          // sum of weighted squared distances from the reference point
    double shift, between;  // of the last step
};

class Course {
public:
    Course(LloydModel model, LloydTask task)
        : model_(model), task_(task), board_(reinterpret_cast<Board*>(task.board)) {}

protected:
    std::int64_t& iteration() const { return board_->notes[0]; }
    std::int64_t& changed_by_hand() const { return board_->notes[1]; }

    // Now and then sums are added up anew, to shed the rounding of updates.
    bool anew() const { return iteration() % 64 == 0; }

    // Components with hardly any weight stay where they are.
    bool stays(size_t c, double weight) const {
        return iteration() == 0 || model_.sizes[c] == 0 || model_.counts[c] <= 1e-12 * weight;
    }

    bool tired() const { return seconds_now() > deadline_; }

    void record(const CourseProgress& state, double affine, std::int64_t moved,
                std::int64_t evaluations) const {
        double* const line = line_of(iteration()++);
        line[0] = affine;
        line[1] = state.between;
        line[2] = state.spread;
        line[3] = static_cast<double>(moved);
        line[4] = state.shift;
        line[5] = seconds_now() - state.started;
        line[6] = static_cast<double>(evaluations);
    }

    // Whether somebody has to look at the iteration that was recorded last.
    bool rests() const {
        const double* const line = line_of(iteration() - 1);
        bool empties = false;
        for (size_t c = 0; c < model_.k; ++c) empties |= model_.sizes[c] == 0;
        return static_cast<size_t>(iteration()) >= task_.until ||
               line[3] <= static_cast<double>(task_.few) || line[4] <= task_.tolerance || empties;
    }

    const LloydModel model_;
    const LloydTask task_;
    Board* const board_;

private:
    static constexpr double patience = 0.15;  // seconds of a call

    double* line_of(std::int64_t iteration) const {
        return task_.trace.data + static_cast<size_t>(iteration) * task_.trace.columns;
    }

    const double deadline_ = seconds_now() + patience;
};

}  // namespace cofactor::COFACTOR_ISA
