"""What the learners compute, written once more with autograd: slow and plain."""

import torch
from torch.nn import functional


def mlp(networks, x, leaves):
    """Outputs (K, rows, n) of ``Mlps`` with the parameters ``leaves`` [(weight, bias), …]."""
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
    """Copies of the parameters that autograd follows."""
    return [tuple(v.clone().requires_grad_() for v in layer) for layer in networks.layers]


def flat_gradient(loss, leaves):
    """As ``Mlps.flat`` is laid out."""
    gradients = torch.autograd.grad(loss, [v for layer in leaves for v in layer])
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def q_of(networks, observation, action, leaves=None):
    """(K, rows)."""
    leaves = leaves_of(networks) if leaves is None else leaves
    return mlp(networks, torch.cat((observation, action), 1), leaves)[:, :, 0]


def huber(difference):
    return functional.huber_loss(difference, torch.zeros_like(difference), reduction="none")
