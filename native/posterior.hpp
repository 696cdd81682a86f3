// What is known of a row's component: the posterior of all of them, or the few best.
//
// Lanes are rows. The losses of a panel of rows under all components stay in the cache until they
// have become shares of its rows.
#pragma once

#include "mixture_losses.hpp"
#include "moments.hpp"

namespace cofactor::COFACTOR_ISA {

// Collects panels to chunks, and hands the posterior of each to what takes it.
template <class Taker>
class PosteriorWriter {
public:
    PosteriorWriter(Posterior out, size_t components, Taker& taker)
        : out_(out), posterior_(components), taker_(taker) {}

    void take(size_t row, size_t count, const double* loss) {
        posterior_.add(loss, count);
        const size_t first = row + count - posterior_.rows;
        if (posterior_.rows < chunk_rows && row + count < out_.rows) return;
        posterior_.normalise(out_.weights + first, out_.log_norm + first);
        for (size_t i = 0; i < posterior_.rows; ++i) out_.best[first + i] = posterior_.best[i];
        taker_.take(first, posterior_.rows, posterior_.shares);
        posterior_.clear();
    }

private:
    const Posterior out_;
    ChunkPosterior posterior_;
    Taker& taker_;
};

// Writes the shares of every component in full.
struct ShareWriter {
    Matrix<double> probability;  // [component][row]

    void take(size_t first, size_t rows, const Shares& shares) const {
        for (size_t c = 0; c < shares.components; ++c) {
            double* const to = probability.data + c * probability.columns + first;
            const Members members = shares.of(c);
            __builtin_memset(to, 0, rows * sizeof(double));
            for (size_t j = 0; j < members.count; ++j) to[members.row[j]] = members.share[j];
        }
    }
};

// Writes the smallest losses of every row, ascending; the lower component wins a tie.
class TopWriter {
public:
    TopWriter(Matrix<Label> index, double* loss, size_t components)
        : index_(index), loss_(loss), components_(components), places_(index.columns) {}

    void take(size_t row, size_t count, const double* loss) const {
        const size_t keep = index_.columns;
        for (size_t c = 0; c < components_; ++c)
            for (size_t v = 0; v < sheet_vectors; ++v)
                offer(load(loss + c * sheet_rows + v * lanes<double>), c, v, smaller(c, keep));
        for (size_t i = 0; i < count; ++i)
            for (size_t p = 0; p < keep; ++p) {
                const size_t v = i / lanes<double>, lane = i % lanes<double>;
                const size_t at = (row + i) * keep + p;
                index_.data[at] = static_cast<Label>(places_[p].component[v][lane]);
                loss_[at] = places_[p].loss[v][lane];
            }
    }

private:
    struct Place {
        Vec<double> loss[sheet_vectors];
        Int<double> component[sheet_vectors];
    };

    // From the first place that holds more, all losses move down; `held` places are filled.
    COFACTOR_INLINE void offer(Vec<double> loss, size_t c, size_t v, size_t held) const {
        const size_t keep = index_.columns;
        if (held == keep && !any<double>(loss < places_[keep - 1].loss[v])) return;
        Int<double> component = splat_int<double>(static_cast<Lane<double>>(c));
        Int<double> moves{};
        for (size_t p = 0; p < held; ++p) {
            const Vec<double> other = places_[p].loss[v];
            const Int<double> other_component = places_[p].component[v];
            moves |= loss < other;
            places_[p].loss[v] = moves ? loss : other;
            places_[p].component[v] = moves ? component : other_component;
            loss = moves ? other : loss;
            component = moves ? other_component : component;
        }
        if (held == keep) return;
        places_[held].loss[v] = loss;
        places_[held].component[v] = component;
    }

    const Matrix<Label> index_;
    double* const loss_;
    const size_t components_;
    const Scratch<Place> places_;
};

template <class T, class Losses, class Writer>
void for_each_panel(Matrix<const T> X, const double* shift, const Losses& losses,
                    Writer&& writer) {
    const Scratch<double> panel(losses.features * sheet_rows);
    const Scratch<double> loss(losses.components * sheet_rows);
    for (size_t row = 0; row < X.rows; row += sheet_rows) {
        pack_rows(X, shift, row, panel);
        losses.fill(panel, loss);
        writer.take(row, smaller(sheet_rows, X.rows - row), loss);
    }
}

template <class T, class Model>
void model_posterior(Matrix<const T> X, const double* shift, Model model, Posterior out,
                     Matrix<double> probability) {
    with_losses(model, [&](const auto& losses) {
        ShareWriter shares{probability};
        for_each_panel(X, shift, losses,
                       PosteriorWriter<ShareWriter>(out, losses.components, shares));
    });
}

template <class T, class Model>
void model_moments(Matrix<const T> X, const double* shift, Model model, Posterior out,
                   Moments moments) {
    with_losses(model, [&](const auto& losses) {
        MomentSums<T> sums(X, shift, losses.components, moments.second_size);
        for_each_panel(X, shift, losses,
                       PosteriorWriter<MomentSums<T>>(out, losses.components, sums));
        sums.add_to(moments);
    });
}

template <class T, class Model>
void model_top(Matrix<const T> X, const double* shift, Model model, Matrix<Label> index,
               double* loss) {
    with_losses(model, [&](const auto& losses) {
        for_each_panel(X, shift, losses, TopWriter(index, loss, losses.components));
    });
}

}  // namespace cofactor::COFACTOR_ISA
