// The nearest component of every row of an array, found by any number of threads.
#pragma once

#include "narrow.hpp"
#include "relay.hpp"

namespace cofactor::COFACTOR_ISA {

using Mask = Int<float>[tile_vectors];

// Count the first rows of a panel at which a mask holds; call visit(i) for each.
template <class Visit>
COFACTOR_INLINE size_t visit_rows(const Mask& mask, size_t count, Visit visit) {
    Int<float> some{};
    for (const Int<float>& part : mask) some |= part;
    if (!any<float>(some)) return 0;
    size_t found = 0;
    for (size_t i = 0; i < count; ++i)
        if (mask[i / lanes<float>][i % lanes<float>]) visit(i), ++found;
    return found;
}

// Write the labels of the first rows of a panel.
COFACTOR_INLINE void write_labels(const Mask& component, size_t count, Label* labels) {
    static_assert(sizeof(Lane<float>) == sizeof(Label));
    if (count == tile_rows<float>)
        __builtin_memcpy(labels, component, sizeof component);
    else
        __builtin_memcpy(labels, component, count * sizeof *labels);
}

template <class T>
class NearestSearch;

// Finds the nearest components of rows in the precision that they have.
template <>
class NearestSearch<float> {
public:
    NearestSearch(Matrix<const float> X, const float* shift, Matrix<const float> components,
                  const float* offsets)
        : rows_{X, shift}, components_(components, offsets), scanner_(components_, X.rows, 1) {}

    size_t rows_at_once() const { return scanner_.rows_at_once(); }

    // Write labels of rows from begin to end; return how many rows have no finite loss.
    size_t label(size_t begin, size_t end, Label* labels) {
        size_t astray = 0;
        const auto write = [&](size_t row, size_t count, const Nearest<float>& keeper, size_t p,
                               const float*) {
            const auto& state = keeper.take(p);
            write_labels(state.component, count, labels + row);
            Mask infinite;
            for (size_t v = 0; v < tile_vectors; ++v)
                infinite[v] = ~((state.loss[v] < infinity<float>) &
                                (state.loss[v] > -infinity<float>));
            astray += visit_rows(infinite, count, [](size_t) {});
        };
        scanner_.scan(rows_, begin, end, write);
        return astray;
    }

private:
    const PlainRows<float> rows_;
    const PackedComponents<float> components_;
    Scanner<float, Nearest<float>> scanner_;
};

// Finds them in float32, and settles in float64 what rounding leaves in doubt.
template <>
class NearestSearch<double> {
public:
    NearestSearch(Matrix<const double> X, const double* shift, Matrix<const double> components,
                  const double* offsets)
        : components_(components, offsets),
          rows_{X, shift, components_.scale},
          scanner_(components_.packed, X.rows, 1),
          settler_(X, shift, components, offsets) {}

    size_t rows_at_once() const { return scanner_.rows_at_once(); }

    size_t label(size_t begin, size_t end, Label* labels) {
        size_t astray = 0;
        const auto write = [&](size_t row, size_t count, const NearestTwo<float>& keeper, size_t p,
                               const float* panel) {
            const auto& state = keeper.take(p);
            write_labels(state.component, count, labels + row);
            astray += settle(row, count, state, panel, labels);
        };
        scanner_.scan(rows_, begin, end, write);
        return astray;
    }

private:
    // Search for the doubtful rows of a panel again; return how many have no finite loss.
    size_t settle(size_t row, size_t count, const NearestTwo<float>::State& state,
                  const float* panel, Label* labels) {
        Mask doubtful;
        for (size_t v = 0; v < tile_vectors; ++v)
            doubtful[v] = ~(state.second[v] - state.loss[v] > doubt(panel + v * lanes<float>));
        size_t rows[tile_rows<float>], *next = rows;
        const size_t n = visit_rows(doubtful, count, [&](size_t i) { *next++ = row + i; });
        Candidate<double> best[tile_rows<float>];
        settler_.settle(rows, n, best);
        size_t astray = 0;
        for (size_t i = 0; i < n; ++i) {
            labels[rows[i]] = best[i].component;
            astray += !(__builtin_fabs(best[i].loss) < infinity<double>);
        }
        return astray;
    }

    COFACTOR_INLINE Vec<float> doubt(const float* column) const {
        Vec<float> squares{}, norm;
        for (size_t l = 0; l < rows_.X.columns; ++l) {
            const Vec<float> x = load(column + l * tile_rows<float>);
            squares += x * x;
        }
        for (size_t i = 0; i < lanes<float>; ++i) norm[i] = __builtin_sqrtf(squares[i]);
        return components_.doubt(norm);
    }

    const NarrowComponents components_;
    const NarrowRows rows_;
    Scanner<float, NearestTwo<float>> scanner_;
    Settler settler_;
};

template <class T>
class NearestJob {
public:
    NearestJob(Board* board, NearestSearch<T>& search, size_t rows, Label* labels,
               std::int64_t* astray)
        : board_(board),
          search_(search),
          rows_(rows),
          piece_rows_(round_up(least_piece, search.rows_at_once())),
          labels_(labels),
          astray_(astray) {}

    void work(size_t piece) {
        const size_t begin = piece * piece_rows_;
        const size_t found = search_.label(begin, smaller(begin + piece_rows_, rows_), labels_);
        __atomic_add_fetch(astray_, static_cast<std::int64_t>(found), __ATOMIC_RELAXED);
    }

    size_t advance() {
        return board_->notes[0]++ ? 0 : (rows_ + piece_rows_ - 1) / piece_rows_;
    }

private:
    static constexpr size_t least_piece = 1024;  // rows

    Board* const board_;
    NearestSearch<T>& search_;
    const size_t rows_, piece_rows_;
    Label* const labels_;
    std::int64_t* const astray_;
};

template <class T>
void nearest(std::int64_t* board, Matrix<const T> X, const T* shift, Matrix<const T> components,
             const T* offsets, Label* labels, std::int64_t* astray) {
    Board* const shared = reinterpret_cast<Board*>(board);
    NearestSearch<T> search(X, shift, components, offsets);
    NearestJob<T> job(shared, search, X.rows, labels, astray);
    Relay<NearestJob<T>>(shared).run(job);
}

}  // namespace cofactor::COFACTOR_ISA
