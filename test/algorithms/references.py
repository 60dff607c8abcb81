"""Reference computations of the learners with autograd: slow and plain."""

import torch
from torch.nn import functional


def mlp(networks, x, leaves):
    """Return the outputs (K, rows, n) of ``Mlps`` with parameters ``leaves`` [(weight, bias),
    …]."""
    outputs = []
    for k in range(networks.count):
        h = x if x.dim() == 2 else x[k]
        for depth, (weight, bias) in enumerate(leaves):
            h = functional.linear(h, weight[k], bias[k, 0])
            if depth < len(leaves) - 1:
                if networks.layer_norm:
                    h = functional.layer_norm(h, h.shape[-1:])
                h = functional.relu(h)
        outputs.append(h)
    return torch.stack(outputs)


def leaves_of(networks):
    """Return copies of the parameters that autograd tracks."""
    return [tuple(v.clone().requires_grad_() for v in layer) for layer in networks.layers]


def flat_gradient(loss, leaves):
    """Return the gradient of a loss in the layout of ``Mlps.flat``."""
    gradients = torch.autograd.grad(loss, [v for layer in leaves for v in layer])
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def q_of(networks, observation, action, leaves=None):
    """Return Q values, shape (K, rows)."""
    leaves = leaves_of(networks) if leaves is None else leaves
    return mlp(networks, torch.cat((observation, action), 1), leaves)[:, :, 0]


def huber(difference):
    return functional.huber_loss(difference, torch.zeros_like(difference), reduction="none")
