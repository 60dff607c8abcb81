import pytest
import torch
from references import flat_gradient, leaves_of, mlp

from der_ros.algorithms.networks import Mlps

CPU = torch.device("cpu")


def networks(count, layer_norm, sizes=(5, 16, 8, 3)):
    made = Mlps(count, sizes, layer_norm, CPU)
    made.draw(torch.Generator().manual_seed(count))
    return made


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_passes_agree_with_autograd(count, layer_norm):
    made = networks(count, layer_norm)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=generator)
    slope = torch.randn(count, 40, 3, generator=generator)
    leaves, inputs = leaves_of(made), x.clone().requires_grad_()
    expected = mlp(made, inputs, leaves)
    loss = (expected * slope).sum()
    (wanted_inputs,) = torch.autograd.grad(loss, inputs, retain_graph=True)

    outputs, trace = made.forward(x)
    gradient = torch.zeros_like(made.flat)
    first = made.backward(trace, slope, made.views(gradient))

    torch.testing.assert_close(outputs, expected.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, flat_gradient(loss, leaves), atol=1e-4, rtol=1e-4)
    into = made.input_gradient(first, 2).sum(dim=0)
    torch.testing.assert_close(into, wanted_inputs[:, 2:], atol=1e-4, rtol=1e-4)


def test_the_first_networks_alone_are_those_of_all():
    made = networks(3, True)
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made.forward(x, 2)[0], made(x)[:2])


def test_one_network_has_torchs_linear_layout():
    made = networks(1, False)
    modules = [
        torch.nn.Linear(5, 16),
        torch.nn.ReLU(),
        torch.nn.Linear(16, 8),
        torch.nn.ReLU(),
        torch.nn.Linear(8, 3),
    ]
    module = torch.nn.Sequential(*modules)
    torch.nn.utils.vector_to_parameters(made.flat, module.parameters())
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made(x)[0], module(x).detach(), atol=1e-5, rtol=1e-5)


def test_a_copy_has_parameters_of_its_own():
    made = networks(2, False)
    copy = made.copy()
    made.flat.zero_()
    assert copy.flat.abs().sum() > 0


def test_draws_within_its_bounds():
    made = Mlps(2, (16, 25, 2), False, CPU)
    made.draw(torch.Generator().manual_seed(0), last_bound=1e-3)
    assert 0.2 < made.layers[0].weight.abs().max() <= 0.25
    assert 0 < made.layers[1].weight.abs().max() <= 1e-3
    assert 0 < made.layers[1].bias.abs().max() <= 1e-3
