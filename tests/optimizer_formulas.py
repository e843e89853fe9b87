"""The optimizers' formulas in NumPy, a parameter at a time: those of PyTorch's pages and of Lion's paper."""

from __future__ import annotations

import numpy as np


def sgd_by_hand(p, slopes, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False):
    velocity = None
    for slope in slopes:
        g = (-slope if maximize else slope) + weight_decay * p
        if momentum:
            velocity = g if velocity is None else momentum * velocity + (1.0 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        p = p - lr * g
    return p


def adam_by_hand(
    p, slopes, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, maximize=False, decoupled=False
):
    m = v = 0.0
    for t, slope in enumerate(slopes, 1):
        g = -slope if maximize else slope
        if decoupled:
            p = p * (1.0 - lr * weight_decay)
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1.0 - betas[0]) * g
        v = betas[1] * v + (1.0 - betas[1]) * g * g
        p = p - lr * (m / (1.0 - betas[0] ** t)) / (np.sqrt(v / (1.0 - betas[1] ** t)) + eps)
    return p


def turned(p, slope, weight_decay, maximize):
    return (-slope if maximize else slope) + weight_decay * p


def rmsprop_by_hand(
    p, slopes, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False, maximize=False
):
    v = mean = buffer = 0.0
    for slope in slopes:
        g = turned(p, slope, weight_decay, maximize)
        v = alpha * v + (1.0 - alpha) * g * g
        mean = alpha * mean + (1.0 - alpha) * g
        buffer = momentum * buffer + g / (np.sqrt(v - mean * mean if centered else v) + eps)
        p = p - lr * buffer
    return p


def adagrad_by_hand(
    p, slopes, lr, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, maximize=False
):
    total = initial_accumulator_value
    for t, slope in enumerate(slopes):
        g = turned(p, slope, weight_decay, maximize)
        total = total + g * g
        p = p - lr / (1.0 + t * lr_decay) * g / (np.sqrt(total) + eps)
    return p


def adadelta_by_hand(p, slopes, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, maximize=False):
    v = u = 0.0
    for slope in slopes:
        g = turned(p, slope, weight_decay, maximize)
        v = rho * v + (1.0 - rho) * g * g
        move = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u = rho * u + (1.0 - rho) * move * move
        p = p - lr * move
    return p


def nadam_by_hand(
    p,
    slopes,
    lr,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=4e-3,
    decoupled_weight_decay=False,
    maximize=False,
):
    m = v = 0.0
    product = 1.0
    for t, slope in enumerate(slopes, 1):
        g = turned(p, slope, 0.0 if decoupled_weight_decay else weight_decay, maximize)
        if decoupled_weight_decay:
            p = p * (1.0 - lr * weight_decay)
        mu, following = (betas[0] * (1.0 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
        product *= mu
        m = betas[0] * m + (1.0 - betas[0]) * g
        v = betas[1] * v + (1.0 - betas[1]) * g * g
        move = (1.0 - mu) / (1.0 - product) * g + following / (1.0 - product * following) * m
        p = p - lr * move / (np.sqrt(v / (1.0 - betas[1] ** t)) + eps)
    return p


def lion_by_hand(p, slopes, lr, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
    m = 0.0
    for slope in slopes:
        g = turned(p, slope, 0.0, maximize)
        p = p - lr * (np.sign(betas[0] * m + (1.0 - betas[0]) * g) + weight_decay * p)
        m = betas[1] * m + (1.0 - betas[1]) * g
    return p


BY_HAND = {
    "SGD": sgd_by_hand,
    "Adam": adam_by_hand,
    "RMSprop": rmsprop_by_hand,
    "Adagrad": adagrad_by_hand,
    "Adadelta": adadelta_by_hand,
    "NAdam": nadam_by_hand,
    "Lion": lion_by_hand,
}


def by_hand(name, start, slopes, hyper):
    if name == "AdamW":
        return adam_by_hand(start, slopes, **{"weight_decay": 0.01, **hyper}, decoupled=True)
    return BY_HAND[name](start, slopes, **hyper)
