"""What to do about a wrong word: words of other frameworks, and the nearest word that exists."""

from __future__ import annotations

from collections.abc import Iterable

_ELSEWHERE = {
    "features": (
        "filters out_channels channels kernels num_filters n_filters depth maps feature_maps embedding_dim output_dim embed_dim"
    ),
    "size": "kernel_size kernel filter_size feature_size ksize",
    "window": "pool_size pooling_size pool kernel_size kernel size ksize",
    "dilation": "dilation_rate dilations",
    "groups": "num_groups group cardinality",
    "stride": "strides step steps subsample",
    "padding": "pad border border_mode",
    "neurons": "units out_features hidden num_units width nodes size",
    "bias": "use_bias with_bias",
    "rate": "p probability dropout_rate drop drop_rate",
    "trainable": "freeze frozen requires_grad",
    "weights": "weight initial_weights",
    "biases": "bias_initializer initial_biases",
    "initial": "initializer kernel_initializer init weight_init initialization",
    "edge": "ceil_mode",
    "kind": "mode method reduce",
    "times": "repeats count n number",
    "layers": "block body stack",
    "learning_rate": "lr step_size eta max_lr learning_rate_init",
    "epsilon": "eps",
    "beta": "alpha rho smoothing",
    "beta_1": "beta1 b1",
    "beta_2": "beta2 b2",
    "weight_decay": "wd l2 decay weightdecay",
    "memory": "history_size history m maxcor",
    "class_weights": "weight weights class_weight",
    "label_smoothing": "smoothing labelsmoothing",
    "schedule": "scheduler lr_scheduler lr_schedule learning_rate_schedule",
    "clip": "grad_clip gradient_clip clip_norm clipnorm max_norm max_grad_norm gradient_clip_val gradient_clipping",
    "warm_up": "warmup warmup_epochs warmup_steps num_warmup_steps",
    "factor": "gamma decay_rate drop",
    "every": "step_size decay_steps epochs",
    "final": "eta_min min_lr alpha",
    "peak": "pct_start",
    "delta": "beta",
    "momentum": "mu decay",
    "batch": "batch_size minibatch mini_batch",
    "epochs": "num_epochs n_epochs max_epochs nb_epoch iterations",
    "cost": "loss loss_function loss_fn criterion objective",
    "optimizer": "optim optimiser solver",
    "patience": "early_stopping",
    "network": "layers model architecture net",
    "data": "dataset datasets input",
    "experiment": "name title",
    "search": "sweep tune tuning tuner hyperparameter_search optuna hpo",
    "knobs": "parameters params space search_space hyperparameters hyperparams config_space variables",
    "maximize": "maximise metric objective goal target",
    "minimize": "minimise",
    "accuracy/validation": "val_acc val_accuracy accuracy acc validation_accuracy accuracy/test accuracy/val",
    "cost/validation": "val_loss loss cost validation_loss loss/validation cost/test cost/val",
    "error/validation": "mae val_mae error error/test error/val",
    "r2/validation": "r2 val_r2 r2/test r2/val",
    "time/training_seconds": "seconds time training_seconds duration",
    "multiply_adds": "flops macs mult_adds multiply-adds",
    "trials": "n_trials num_trials max_trials runs iterations samples num_samples",
    "strategy": "sampler method algorithm searcher search_alg tuner",
    "stopping": "pruner early_stopping scheduler early_terminate early_stop",
    "budget": "limits limit constraints",
    "exhaustive": "grid grid_search gridsampler bruteforce brute_force all",
    "random": "random_search randomsampler uniform",
    "genetic": "nsga nsga2 nsgaii nsgaiisampler evolution evolutionary ga",
    "annealing": "simulated_annealing anneal sa",
    "tpe": "bayesian bayes tpesampler bayesian_optimization hyperopt",
    "cma": "cma_es cmaes cmaessampler cma-es evolution_strategy",
    "median": "medianpruner median_pruner",
    "successive_halving": "asha sha successivehalvingpruner successivehalving halving",
    "hyperband": "hyperbandpruner bohb",
    "from": "low min minimum start lower begin least",
    "to": "high max maximum stop end upper most",
    "population": "population_size popsize pop_size",
    "random_trials": "n_startup_trials startup startup_trials n_initial_points",
    "training": "train trainer fit compile",
    "seed": "random_state random_seed",
    "description": "comment note",
    "source": "type name kind dataset",
    "path": "folder root dir directory",
    "images": "x pictures x_train train_images inputs",
    "labels": "y targets y_train train_labels classes_file",
    "targets": "target values regression_targets",
    "target_names": "targets_names target_columns value_names",
    "test_images": "x_test",
    "test_labels": "y_test",
    "classes": "num_classes n_classes",
    "validation": "val valid val_size",
    "test": "test_size",
    "dimensions": "ndim n_dims dims rank spatial_dims",
    "values": "scale scaling rescale normalize",
    "examples": "samples n_samples size count n",
    "translation": "translate shift",
    "scaling": "scale zoom",
    "rotation": "rotate angle degrees",
    "convolution": "conv conv1d conv2d conv3d convolution1d convolution2d convolution3d separableconv2d depthwiseconv2d",
    "pooling": (
        "maxpool maxpool1d maxpool2d maxpool3d max_pooling maxpooling1d maxpooling2d maxpooling3d avgpool avgpool1d avgpool2d "
        "avgpool3d average_pooling averagepooling1d averagepooling2d averagepooling3d"
    ),
    "fully_connected": "dense linear fc full fullyconnected affine",
    "embedding": "embeddings embed lookup word_embedding",
    "words": "num_embeddings input_dim vocabulary vocab vocab_size vocabulary_size num_words max_features",
    "relu": "rectify rectifier rectified_linear",
    "leaky_relu": "leakyrelu lrelu leaky",
    "silu": "swish sigmoid_linear",
    "softmax": "softmax2d",
    "flatten": "reshape ravel",
    "global_pooling": (
        "adaptiveavgpool1d adaptiveavgpool2d adaptiveavgpool3d adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d "
        "adaptive_avg_pool2d globalaveragepooling1d globalaveragepooling2d globalaveragepooling3d globalmaxpooling1d "
        "globalmaxpooling2d globalmaxpooling3d "
        "global_average_pooling global_max_pooling global_average globalavgpool gap"
    ),
    "batch_normalization": "batchnorm batchnorm1d batchnorm2d batchnorm3d batch_norm bn batchnormalization",
    "layer_normalization": "layernorm layer_norm ln layernormalization",
    "group_normalization": (
        "groupnorm group_norm gn groupnormalization instancenorm1d instancenorm2d instancenorm3d instance_norm"
    ),
    "local_response_normalization": "lrn localresponsenorm local_response_norm",
    "residual": "resblock residual_block basicblock bottleneck shortcut skip skip_connection",
    "branches": "concatenate concat inception parallel add paths",
    "join": "merge mode combine",
    "spatial_dropout": (
        "dropout1d dropout2d dropout3d spatialdropout1d spatialdropout2d spatialdropout3d channel_dropout feature_dropout"
    ),
    "slope": "negative_slope alpha leak",
    "sigmoid": "logistic",
    "repeat": "loop times sequential",
    "cross_entropy": "crossentropy crossentropyloss categorical_crossentropy sparse_categorical_crossentropy nll nllloss",
    "absolute": "mae l1 l1loss mean_absolute_error absolute_error",
    "square_root": "sqrt root",
    "exponential": "exp",
    "huber": "smooth_l1 smoothl1 smoothl1loss huberloss huber_loss",
    "squared": "mse mseloss mean_squared_error squared_error l2 quadratic",
    "sgd": "gradient_descent momentum nesterov",
    "lbfgs": "l_bfgs bfgs l_bfgs_b lbfgsb newton",
    "constant": "constantlr none fixed",
    "scale": "distribution sampling spacing",
    "log": "loguniform log_uniform logarithmic exponential geometric",
    "linear": "uniform lin",
    "step": "q steplr multisteplr exponentiallr exponentialdecay exponential staircase",
    "cosine": "cosineannealinglr cosine_annealing cosineannealing cosinedecay cosine_decay cosineannealingwarmrestarts",
    "one_cycle": "onecyclelr onecycle cycliclr",
    "he": "kaiming kaiming_normal kaiming_uniform he_normal he_uniform msra",
    "glorot": "xavier xavier_normal xavier_uniform glorot_normal glorot_uniform",
    "lecun": "lecun_normal lecun_uniform",
    "arrays": "npz npy numpy",
    "idx": "mnist ubyte",
    "average": "avg mean",
    "max": "maximum",
}
"""What other programs call a word of ours."""

_SENTENCES = {
    "in_channels": "The number of channels follows from what comes in: leave it out.",
    "input_channels": "The number of channels follows from what comes in: leave it out.",
    "in_features": "The number of inputs follows from what comes in: leave it out.",
    "input_dim": "The number of inputs follows from what comes in: leave it out.",
    "input_shape": "The shape follows from the data: leave it out.",
    "input_size": "The shape follows from the data: leave it out.",
    "activation": "An activation is a layer of its own: put `- relu` on the next line.",
    "logsoftmax": "The cost cross_entropy makes probabilities of the votes itself: leave it out.",
    "betas": "Here there are two keys: beta_1 and beta_2.",
    "validation_split": "The shares stand under data: `split: {validation: 0.1}`.",
    "shuffle": "The examples are shuffled for every epoch: leave it out.",
    "weight_decay": "It stands in the optimizer: `optimizer: {adam: {weight_decay: 0.0001}}`.",
    "kernel_regularizer": "It stands in the optimizer: `optimizer: {adam: {weight_decay: 0.0001}}`.",
    "momentum": "It belongs to sgd and rmsprop: `optimizer: {sgd: {momentum: 0.9}}`; with adam it is beta_1.",
    "learning_rate": "It stands in the optimizer: `optimizer: {adam: {learning_rate: 0.001}}`.",
    "lr": "It stands in the optimizer: `optimizer: {adam: {learning_rate: 0.001}}`.",
    "label_smoothing": "It stands in the cost: `cost: {cross_entropy: {label_smoothing: 0.1}}`.",
    "class_weight": "It stands in the cost: `cost: {cross_entropy: {class_weights: [1, 2]}}`.",
    "class_weights": "It stands in the cost: `cost: {cross_entropy: {class_weights: [1, 2]}}`.",
    "reducelronplateau": "No schedule watches the cost: take `schedule: cosine`, or `patience: 5` to stop in time.",
    "reduce_on_plateau": "No schedule watches the cost: take `schedule: cosine`, or `patience: 5` to stop in time.",
    "linearlr": "A rise at the beginning is `warm_up`: `schedule: {constant: {warm_up: {epochs: 1}}}`.",
    "t_max": "A schedule lasts as long as training: leave it out.",
    "total_steps": "A schedule lasts as long as training: leave it out.",
    "centered": "The average of the gradient itself is not taken away here: leave it out.",
    "amsgrad": "Only the running average of the square is used here: leave it out.",
    "metrics": "Cost and accuracy, or error and r2 of numbers, are always measured: leave it out.",
}
"""What to say of a word that has no counterpart here."""


def did_you_mean(word: str, known: Iterable[str], *, what: str = "There are") -> str:
    """What to write instead of a word that is not known here."""
    words = list(known)
    instead = counterpart(word, words)
    if instead:
        return f"Here it is called {instead}."
    if _bare(word) in _SENTENCES:
        return _SENTENCES[_bare(word)]
    near = nearest(word, words)
    return f"Did you mean {near}?" if near else f"{what}: {', '.join(words)}."


def counterpart(word: str, known: Iterable[str]) -> str | None:
    """The known word for what another framework calls `word`, or None."""
    bare = _bare(word)
    return next((each for each in known if bare == each or bare in _ELSEWHERE.get(each, "").split()), None)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a slip of the finger would turn into `word`, or None."""
    from difflib import get_close_matches

    words = {each.lower(): each for each in known}
    matches = get_close_matches(word.lower(), words, n=1, cutoff=0.7) or _swapped(word.lower()) & words.keys()
    return words[min(matches)] if matches else None


def _swapped(word: str) -> set[str]:
    """The word with any two neighbouring letters swapped; of short words that is far off as shares of equal letters go."""
    return {f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}" for at in range(len(word) - 1)}


def _bare(word: str) -> str:
    """`torch.nn.Conv2d` as `conv2d`, `cross-entropy` as `cross_entropy`."""
    return word.rpartition(".")[2].lower().replace("-", "_").replace(" ", "_")
