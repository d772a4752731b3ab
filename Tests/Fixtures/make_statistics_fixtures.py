"""Writes Tests/MetricsTests/Fixtures/statistics: intervals, tests, kernel distances, precision and recall by SciPy,
scikit-learn and NumPy.

    python Tests/Fixtures/make_statistics_fixtures.py
"""

import hashlib
import json
from pathlib import Path

import numpy
import scipy
import sklearn
from scipy import stats
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

OUT = Path(__file__).resolve().parents[1] / "MetricsTests/Fixtures/statistics"
SEED = 20261129


def intervals(values, confidence):
    """Student's interval and the BCa bootstrap's, of so many resamples that chance moves its bounds by 1e-3 widths."""
    t = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    bootstrap = stats.bootstrap(
        (values,), numpy.mean, n_resamples=400_000, batch=10_000, confidence_level=confidence, method="BCa",
        rng=numpy.random.default_rng(SEED))
    interval = bootstrap.confidence_interval
    return {
        "values": values.tolist(), "confidence": confidence, "t": [t.low, t.high],
        "bootstrap": [interval.low, interval.high],
    }


def tests(values):
    zeros, magnitudes = values[values != 0], numpy.abs(values[values != 0])
    ties = len(set(magnitudes)) < len(magnitudes)
    method = "asymptotic" if ties or len(zeros) > 50 else "exact"
    return {
        "values": values.tolist(), "t": stats.ttest_1samp(values, 0).pvalue,
        "wilcoxon": stats.wilcoxon(zeros, method=method, correction=False).pvalue, "method": method,
    }


def kid(x, y):
    """As torchmetrics' poly_mmd, over the whole sets; its error by leaving out each row."""
    def distance(x, y):
        kernel = lambda a, b: polynomial_kernel(a, b, degree=3, gamma=None, coef0=1)
        xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
        n, m = len(x), len(y)
        return (
            (xx.sum() - numpy.trace(xx)) / (n * (n - 1)) + (yy.sum() - numpy.trace(yy)) / (m * (m - 1))
            - 2 * xy.mean())

    def jackknife(values):
        n = len(values)
        return (n - 1) / n * ((values - values.mean()) ** 2).sum()

    without_x = numpy.array([distance(numpy.delete(x, i, 0), y) for i in range(len(x))])
    without_y = numpy.array([distance(x, numpy.delete(y, i, 0)) for i in range(len(y))])
    return {
        "x": x.tolist(), "y": y.tolist(), "value": distance(x, y),
        "error": float(numpy.sqrt(jackknife(without_x) + jackknife(without_y))),
    }


def manifold(x, y, neighbors):
    """Precision of x and its recall for y (Kynkaanniemi et al. 2019)."""
    def share(centers, points):
        radii = NearestNeighbors(n_neighbors=neighbors + 1).fit(centers).kneighbors(centers)[0][:, -1]
        distances = numpy.linalg.norm(points[:, None] - centers[None], axis=-1)
        return float((distances <= radii).any(1).mean())

    return {
        "x": x.tolist(), "y": y.tolist(), "neighbors": neighbors, "precision": share(y, x), "recall": share(x, y)}


def main():
    rng = numpy.random.default_rng(SEED)
    rounded = lambda values: numpy.round(values, 4)
    normal, skewed = rounded(0.1 + 0.05 * rng.standard_normal(24)), rounded(rng.exponential(0.2, 20))
    few, many = rounded(rng.standard_normal(6) + 0.5), rounded(rng.standard_normal(64) * 0.1 + 0.02)
    contents = {
        "intervals": [
            intervals(normal, 0.95), intervals(skewed, 0.95), intervals(skewed, 0.8), intervals(many, 0.99)],
        "tests": [
            tests(normal - 0.08), tests(few), tests(many), tests(numpy.array([0.1, -0.1, 0.2, 0.2, 0.0, 0.3, -0.05])),
            tests(rounded(rng.standard_normal(50) + 0.2)), tests(numpy.array([1.0, 2.0, 3.5]))],
        "kid": [
            kid(rounded(rng.standard_normal((7, 5))), rounded(rng.standard_normal((4, 5)) + 0.6)),
            kid(rounded(rng.exponential(1, (30, 16))), rounded(rng.exponential(1.1, (40, 16))))],
        "manifolds": [
            manifold(rounded(0.7 * rng.standard_normal((24, 4))), rounded(rng.standard_normal((20, 4))), k)
            for k in (1, 3, 10)],
        "normal": [[p, stats.norm.ppf(p)] for p in [1e-12, 1e-4, 0.025, 0.3, 0.5, 0.9, 0.975, 0.99999]],
    }
    OUT.mkdir(parents=True, exist_ok=True)
    data = json.dumps(contents, indent=1).encode()
    (OUT / "statistics.json").write_bytes(data)
    (OUT / "PROVENANCE.md").write_text(
        f"""# Provenance

Made by `Tests/Fixtures/make_statistics_fixtures.py` with scipy {scipy.__version__}, scikit-learn
{sklearn.__version__}, numpy {numpy.__version__}; seed {SEED}. Random numbers, under the license of this project.

| file | bytes | SHA-256 |
|---|---|---|
| statistics.json | {len(data)} | {hashlib.sha256(data).hexdigest()} |
""")


if __name__ == "__main__":
    main()
