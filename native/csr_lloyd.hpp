// Lloyd's iterations on sparse rows, many in one call, for any number of threads.
//
// An iteration is three stages: pieces of columns get new means, pieces of rows are searched for
// their nearest components, and groups of components take over the rows that moved. All that
// belongs to a column of the data lies side by side for all components, the caller's means and sums
// too, so that means, their norms and their drift come from one pass over sums in lanes. Sums are
// added up in the order of the rows, by one thread for each group.
#pragma once

#include "csr_search.hpp"

namespace cofactor::COFACTOR_ISA {

// Components whose values of one column are a cache line of doubles.
template <class T>
struct LineOfMeans {
    static constexpr size_t size = 8, vectors = size / lanes<double>;
    typedef T Narrow __attribute__((vector_size(sizeof(T) * lanes<double>)));

    COFACTOR_INLINE static Vec<double> widened(const T* at) {
        Narrow value;
        __builtin_memcpy(&value, at, sizeof value);
        return __builtin_convertvector(value, Vec<double>);
    }
    COFACTOR_INLINE static Vec<double> rounded(T* at, Vec<double> value) {
        const Narrow narrow = __builtin_convertvector(value, Narrow);
        __builtin_memcpy(at, &narrow, sizeof narrow);
        return __builtin_convertvector(narrow, Vec<double>);
    }
};

template <class T, class I>
class CsrLloyd : Course {
public:
    CsrLloyd(Csr<T, I> X, size_t d, const double* weights, Label* labels, LloydModel model,
             LloydTask task)
        : Course(model, task),
          X_(X),
          weights_(weights),
          labels_(labels),
          space_(X.rows, static_cast<size_t>(X.indptr[X.rows]), d, model.k, Carver(task.space)),
          state_(*space_.progress),
          search_(X, labels, space_) {}

    void run() {
        Relay<CsrLloyd>(board_).run(*this, [this] { return tired(); });
    }

    void work(size_t piece) {
        switch (state_.stage) {
            case CsrStage::measure: return measure(piece);
            case CsrStage::lengths: return measure_sums(piece);
            case CsrStage::means: return average(piece);
            case CsrStage::scan: return scan(piece);
            case CsrStage::sums: return update(piece);
            case CsrStage::begin: return;
        }
    }

    size_t advance() {
        switch (state_.stage) {
            case CsrStage::begin: return begin();
            case CsrStage::measure: return add_measures(), prepare_means();
            case CsrStage::lengths:
                return add_lengths(), enter(CsrStage::means, space_.column_pieces);
            case CsrStage::means: return finish_means(), enter(CsrStage::scan, space_.row_pieces);
            case CsrStage::scan: return enter(CsrStage::sums, space_.groups);
            case CsrStage::sums: break;
        }
        record();
        return rests() ? enter(CsrStage::begin, 0) : prepare_means();
    }

private:
    size_t enter(CsrStage stage, size_t pieces) {
        state_.stage = stage;
        return pieces;
    }

    size_t begin() {
        if (iteration() == 0 || changed_by_hand())
            for (size_t g = 0; g < space_.groups; ++g) space_.touched[g] = 1;
        changed_by_hand() = 0;
        if (iteration() > 0) return prepare_means();
        state_.started = seconds_now();
        return enter(CsrStage::measure, space_.row_pieces);
    }

    void measure(size_t piece) {
        CsrNotes& notes = space_.notes[piece];
        notes = {};
        for (size_t n = space_.row(piece); n < space_.row(piece + 1); ++n) {
            const T* const x = X_.data + X_.indptr[n];
            const double square = sum_of(entries(X_, n).count, [=](size_t p) {
                return static_cast<double>(x[p]) * static_cast<double>(x[p]);
            });
            space_.norms[n] = static_cast<T>(__builtin_sqrt(square));
            notes.spread += weights_[n] * square;
            notes.weight += weights_[n];
        }
    }

    void add_measures() {
        for (size_t p = 0; p < space_.row_pieces; ++p) {
            state_.spread += space_.notes[p].spread;
            state_.weight += space_.notes[p].weight;
        }
    }

    // Find out what sums are divided by: weights, or lengths.
    size_t prepare_means() {
        if (model_.on_sphere) return enter(CsrStage::lengths, space_.column_pieces);
        for (size_t j = 0; j < model_.k; ++j) space_.divisors[j] = model_.counts[j];
        return enter(CsrStage::means, space_.column_pieces);
    }

    void measure_sums(size_t piece) {
        double* const squares = space_.parts + (piece * csr_parts + of_squares) * space_.k;
        for (size_t j = 0; j < space_.k; ++j) squares[j] = 0;
        for (size_t l = space_.column(piece); l < space_.column(piece + 1); ++l) {
            const double* const sums = model_.sums + l * space_.k;
            for (size_t j = 0; j < space_.k; ++j) squares[j] += sums[j] * sums[j];
        }
    }

    void add_lengths() {
        for (size_t j = 0; j < model_.k; ++j)
            space_.divisors[j] = __builtin_sqrt(total(of_squares, j));
    }

    void average(size_t piece) {
        double* const parts = space_.parts + piece * csr_parts * space_.k;
        for (size_t j = 0; j < space_.k; j += LineOfMeans<T>::size)
            if (space_.touched[j / group_size])
                average_line(space_.column(piece), space_.column(piece + 1), j, parts + j);
    }

    // New means of some columns for a line of components, and what follows from them.
    void average_line(size_t begin, size_t end, size_t first, double* parts) {
        using Line = LineOfMeans<T>;
        constexpr size_t wide = lanes<double>;
        Vec<double> count[Line::vectors] = {}, total[csr_parts][Line::vectors] = {};
        Int<double> kept[Line::vectors] = {};
        for (size_t i = 0; i < Line::size; ++i) {
            const size_t j = first + i;
            const bool stay =
                j >= model_.k || stays(j, state_.weight) || space_.divisors[j] == 0;
            kept[i / wide][i % wide] = -static_cast<std::int64_t>(stay);
            count[i / wide][i % wide] = stay ? 1 : space_.divisors[j];
        }
        for (size_t l = begin; l < end; ++l)
            for (size_t v = 0; v < Line::vectors; ++v) {
                const size_t at = l * space_.k + first + v * wide;
                const Vec<double> sum = load(model_.sums + at), mean = load(model_.means + at);
                const Vec<double> next = kept[v] ? mean : sum / count[v];
                const Vec<double> before = Line::widened(space_.centers_t + at);
                const Vec<double> drift = Line::rounded(space_.centers_t + at, next) - before;
                const Vec<double> shift = next - mean;
                store<double>(model_.means + at, next);
                total[of_squares][v] += next * next;
                total[of_products][v] += sum * next;
                total[of_drift][v] += drift * drift;
                total[of_shift][v] += shift * shift;
            }
        for (size_t part = 0; part < csr_parts; ++part)
            for (size_t v = 0; v < Line::vectors; ++v)
                store<double>(parts + part * space_.k + v * wide, total[part][v]);
    }

    // Add up what the pieces of columns found, and prepare the search.
    void finish_means() {
        state_.between = 0;
        state_.shift = iteration() > 0 ? 0 : infinity<double>;
        for (size_t b = 0; b < space_.bands; ++b) space_.band_drift[b] = 0;
        for (size_t j = 0; j < space_.k; ++j) {
            space_.drift[j] = 0;
            if (space_.touched[j / group_size]) take_parts(j);
            T& band = space_.band_drift[j / group_size / space_.width];
            band = larger(band, space_.drift[j]);
            if (j < model_.k) state_.between += space_.divisors[j] * space_.squares[j];
        }
    }

    void take_parts(size_t j) {
        constexpr double upwards = 1 + 1e-6;  // outweighs the rounding to float32
        space_.squares[j] = total(of_squares, j);
        space_.products[j] = total(of_products, j);
        space_.drift[j] = static_cast<T>(__builtin_sqrt(total(of_drift, j)) * upwards);
        space_.offsets[j] = j < model_.k ? static_cast<T>(0.5 * space_.squares[j]) : infinity<T>;
        state_.shift += total(of_shift, j);
    }

    double total(CsrPart part, size_t j) const {
        double sum = 0;
        for (size_t p = 0; p < space_.column_pieces; ++p)
            sum += space_.parts[(p * csr_parts + part) * space_.k + j];
        return sum;
    }

    void scan(size_t piece) {
        CsrNotes& notes = space_.notes[piece];
        notes.moved = static_cast<std::int64_t>(
            search_.run(space_.row(piece), space_.row(piece + 1)));
        notes.evaluations = search_.evaluations();
    }

    // Let the rows that moved leave and join the components of a group.
    void update(size_t group) {
        space_.touched[group] = 0;
        if (anew()) return rebuild(group);
        for (size_t p = 0; p < space_.row_pieces; ++p) replay(group, p);
        if (space_.touched[group]) clear_empty(group);
    }

    void rebuild(size_t group) {
        const size_t first = group * group_size;
        for (size_t j = first; j < smaller(model_.k, first + group_size); ++j)
            model_.sizes[j] = 0, model_.counts[j] = 0, space_.products[j] = 0;
        for (size_t l = 0; l < space_.d; ++l)
            __builtin_memset(model_.sums + l * space_.k + first, 0, group_size * sizeof(double));
        for (size_t n = 0; n < X_.rows; ++n) carry(group, n, labels_[n], 1);
        space_.touched[group] = 1;
    }

    // What rounding left of components that lost all rows.
    void clear_empty(size_t group) {
        for (size_t j = group * group_size; j < smaller(model_.k, (group + 1) * group_size); ++j) {
            if (model_.sizes[j] != 0) continue;
            model_.counts[j] = space_.products[j] = 0;
            for (size_t l = 0; l < space_.d; ++l) model_.sums[l * space_.k + j] = 0;
        }
    }

    void replay(size_t group, size_t piece) {
        const size_t first = space_.row(piece);
        const size_t end = first + static_cast<size_t>(space_.notes[piece].moved);
        for (size_t i = first; i < end; ++i) {
            const size_t n = first + static_cast<size_t>(space_.moved[i]);
            carry(group, n, space_.before[i], -1);
            carry(group, n, labels_[n], 1);
        }
    }

    // Add a row to a component of this group, or take it away; -1 is in no group.
    COFACTOR_INLINE void carry(size_t group, size_t n, Label to, int sign) {
        const size_t j = static_cast<size_t>(to);
        if (to < 0 || j / group_size != group || weights_[n] == 0) return;
        const Entries<T, I> row = entries(X_, n);
        const double weight = sign * weights_[n];
        double product = 0;
        for (size_t p = 0; p < row.count; ++p) {
            const size_t at = static_cast<size_t>(row.columns[p]) * space_.k + j;
            const double x = static_cast<double>(row.values[p]);
            model_.sums[at] += weight * x;
            product += x * model_.means[at];
        }
        space_.products[j] += weight * product;
        model_.counts[j] += weight;
        model_.sizes[j] += sign;
        space_.touched[group] = 1;
    }

    void record() {
        double affine = 0;
        for (size_t j = 0; j < model_.k; ++j)
            affine += 0.5 * model_.counts[j] * space_.squares[j] - space_.products[j];
        std::int64_t moved = 0, evaluations = 0;
        for (size_t p = 0; p < space_.row_pieces; ++p) {
            moved += space_.notes[p].moved;
            evaluations += space_.notes[p].evaluations;
        }
        Course::record(state_, affine, moved, evaluations);
    }

    const Csr<T, I> X_;
    const double* const weights_;
    Label* const labels_;
    const CsrSpace<T> space_;
    CsrProgress& state_;
    CsrSearch<T, I> search_;
};

template <class T, class I>
void lloyd_csr(Csr<T, I> X, size_t d, const double* weights, Label* labels, LloydModel model,
               LloydTask task) {
    CsrLloyd<T, I>(X, d, weights, labels, model, task).run();
}

template <class T>
size_t lloyd_csr_space(size_t n, size_t entries, size_t d, size_t k) {
    return CsrSpace<T>(n, entries, d, k, Carver(nullptr)).size;
}

}  // namespace cofactor::COFACTOR_ISA
