import numpy as np
import pytest
import torch

from der_ros.algorithms.networks import Adam


def test_agrees_with_torch():
    rng = np.random.default_rng(0)
    start = rng.standard_normal(50).astype(np.float32)
    ours, theirs = torch.from_numpy(start.copy()), torch.nn.Parameter(torch.from_numpy(start))
    adam, reference = Adam(ours, 1e-2), torch.optim.Adam([theirs], lr=1e-2)
    for k in range(200):
        gradient = torch.from_numpy(rng.standard_normal(50).astype(np.float32) * 10.0 ** (k % 5))
        adam.step(gradient)
        theirs.grad = gradient
        reference.step()
    assert ours.numpy() == pytest.approx(theirs.detach().numpy(), abs=1e-5)
    state = adam.state()
    moments = reference.state[theirs]
    assert state["exp_avg"] == pytest.approx(moments["exp_avg"].numpy(), rel=1e-4, abs=1e-6)
    assert state["exp_avg_sq"] == pytest.approx(moments["exp_avg_sq"].numpy(), rel=1e-4)
    assert state["step"] == 200
