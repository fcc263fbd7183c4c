"""The loss through the coupling: what each part of it moves."""

import pytest
import torch

from engine.musse.net import LiveNet
from engine.training.losses.live_supervised import coupled
from engine.training.validation.unsupervised import whole
from tests.engine.training.tiny_training import TINY, made_samples

pytestmark = pytest.mark.usefixtures("one_thread")


def head_gradients(term: str, measured: float) -> torch.Tensor:
    """Size of the gradient of each output channel of the finest head."""
    torch.manual_seed(0)
    net = LiveNet(TINY)
    batch = whole(made_samples(0, 0.3), 0)
    terms = coupled(net, [batch], [torch.full_like(batch.strain, measured)])
    terms[term].backward()
    bias = net.trunk.decoder.heads[-1].bias
    assert isinstance(bias, torch.Tensor)
    assert bias.grad is not None
    assert torch.isfinite(bias.grad).all()
    return bias.grad.abs()


def test_the_posteriors_error_moves_the_priors_sigma_only_where_something_is_measured() -> None:
    assert float(head_gradients("error", 1.0)[-1]) > 0.0
    assert float(head_gradients("error", 0.0)[-1]) == 0.0
    assert float(head_gradients("error", 0.0)[-3]) > 0.0  # the control: the residual


def test_each_sigma_has_its_own_likelihood_and_moves_no_estimate() -> None:
    published, prior = head_gradients("sigma", 1.0), head_gradients("prior_sigma", 1.0)
    assert float(published[-2]) > 0.0
    assert float(published[-1]) == 0.0
    assert float(prior[-1]) > 0.0
    assert float(prior[-2]) == 0.0
    assert float(prior[-3]) == 0.0


def test_a_prior_that_is_never_coupled_is_the_posterior() -> None:
    batch = whole(made_samples(0, 0.3), 0)
    with torch.no_grad():
        terms = coupled(LiveNet(TINY), [batch], [torch.zeros_like(batch.strain)])
    assert float(terms["prior"]) == pytest.approx(0.5 * float(terms["error"]), rel=1e-5)
    assert float(terms["motion"]) == 0.0
