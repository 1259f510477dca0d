import jax
import numpy as np
import pytest
from scipy import signal
from support.values import smooth

from gan_jax.errors import MetricError
from gan_jax.metrics.ms_ssim import WEIGHTS, ms_ssim, multi_scale_similarity, sides

KEY = jax.random.key(0)


def by_hand(a, b, scales):
    """MS-SSIM of two images [H, W] in [0, 1] as the papers define it, with SciPy's convolution in two dimensions."""
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    blur = lambda x: signal.convolve2d(x, window, mode="valid")
    result, total = 1.0, sum(WEIGHTS[:scales])
    for j in range(scales):
        ma, mb = blur(a), blur(b)
        va, vb, cov = blur(a**2) - ma**2, blur(b**2) - mb**2, blur(a * b) - ma * mb
        contrast = (2 * cov + 0.03**2) / (va + vb + 0.03**2)
        whole = contrast * (2 * ma * mb + 0.01**2) / (ma**2 + mb**2 + 0.01**2)
        result *= max((whole if j == scales - 1 else contrast).mean(), 0) ** (WEIGHTS[j] / total)
        a, b = (
            np.pad(x, [(0, n % 2) for n in x.shape], mode="edge").reshape(-(-x.shape[0] // 2), 2, -1, 2).mean((1, 3))
            for x in (a, b)
        )
    return result


@pytest.mark.parametrize(("height", "width", "scales"), [(28, 28, 2), (23, 40, 2), (45, 47, 3), (176, 176, 5)])
def test_against_the_definition(height, width, scales):
    a, b = smooth(0, 2, height, width), smooth(1, 2, height, width)
    b = 0.7 * a + 0.3 * b
    assert len(sides(min(height, width))) == scales
    expected = [by_hand(x[..., 0] / 2 + 0.5, y[..., 0] / 2 + 0.5, scales) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(multi_scale_similarity(a, b), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(22, [22, 11]), (28, [28, 14]), (32, [32, 16]), (64, [64, 32, 16]), (256, [256, 128, 64, 32, 16]),
     (176, [176, 88, 44, 22, 11]), (2000, [2000, 1000, 500, 250, 125])],
)  # fmt: skip
def test_as_many_scales_as_there_is_room_for(side, expected):
    assert sides(side) == expected


def test_equal_images_are_at_1_and_it_is_symmetric():
    a, b = smooth(0, 3, channels=3), smooth(1, 3, channels=3)
    np.testing.assert_allclose(multi_scale_similarity(a, a), np.ones(3), rtol=1e-12)
    np.testing.assert_allclose(multi_scale_similarity(a, b), multi_scale_similarity(b, a), rtol=1e-12)
    by_channel = [multi_scale_similarity(a[..., c : c + 1], b[..., c : c + 1]) for c in range(3)]
    np.testing.assert_allclose(multi_scale_similarity(a, b), np.mean(by_channel, axis=0), rtol=1e-12)


def test_negatives_count_as_0_and_constants_are_compared_by_luminance():
    a = smooth(0, 1)
    assert multi_scale_similarity(a, -a) == 0
    # Flat images have contrast 1 everywhere; (2 m n + C1) / (m^2 + n^2 + C1) to the power of the last weight.
    dark, light = np.full((1, 32, 32, 1), -0.5), np.full((1, 32, 32, 1), 0.5)
    expected = ((2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)) ** (0.2856 / (0.0448 + 0.2856))
    np.testing.assert_allclose(multi_scale_similarity(dark, light), expected, rtol=1e-10)


def test_a_collapsed_set_scores_above_a_varied_one():
    same = np.repeat(smooth(0, 1), 50, axis=0)
    sets = (smooth(0, 50), same, 0.98 * same + 0.02 * smooth(1, 50))
    varied, collapsed, nearly = (ms_ssim(images, KEY, 200)["ms_ssim"] for images in sets)
    assert collapsed.value == pytest.approx(1, abs=1e-12)
    assert varied.value < 0.3 < 0.9 < nearly.value < 1
    assert varied.stamp == {"scales": 2}
    assert varied.spread > 0


def test_pairs_are_of_different_images():
    two = np.concatenate([smooth(0, 1), smooth(1, 1)])
    found = ms_ssim(two, KEY, 50)["ms_ssim"]
    np.testing.assert_allclose(found.value, multi_scale_similarity(two[:1], two[1:])[0], rtol=1e-12)
    assert found.spread < 1e-12


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((4, 21, 32, 1)), r"shape \[4, 21, 32, 1\]; allowed: .* H and W at least 22"),
        (np.zeros((1, 32, 32, 1)), "images must have at least 2 rows, got 1"),
        (np.full((4, 32, 32, 1), 1.5), "images must be finite numbers of magnitude at most 1, got 1.5 in row 0"),
        (np.full((4, 32, 32, 1), np.nan), "images must be finite numbers of magnitude at most 1, got nan in row 0"),
    ],
)
def test_refusals(images, said):
    with pytest.raises(MetricError, match=said):
        ms_ssim(images, KEY)
