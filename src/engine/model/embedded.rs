//! A release build carries these files inside, so that it works offline from any folder.

/// The files of `models/` by name, and the training run that comes with the program. A constant would be copied to each
/// of its users.
static FILES: &[(&str, &[u8])] = &[
    ("digits_maxout.toml", include_bytes!("../../../models/digits_maxout.toml")),
    ("digits_maxout.safetensors", include_bytes!("../../../models/digits_maxout.safetensors")),
    ("digits_maxout_robust.toml", include_bytes!("../../../models/digits_maxout_robust.toml")),
    ("digits_maxout_robust.safetensors", include_bytes!("../../../models/digits_maxout_robust.safetensors")),
    ("digits_cnn.toml", include_bytes!("../../../models/digits_cnn.toml")),
    ("digits_cnn.safetensors", include_bytes!("../../../models/digits_cnn.safetensors")),
    ("digits_cnn_robust.toml", include_bytes!("../../../models/digits_cnn_robust.toml")),
    ("digits_cnn_robust.safetensors", include_bytes!("../../../models/digits_cnn_robust.safetensors")),
    ("digits_softmax.toml", include_bytes!("../../../models/digits_softmax.toml")),
    ("digits_softmax.safetensors", include_bytes!("../../../models/digits_softmax.safetensors")),
    ("efficientnet_lite0.toml", include_bytes!("../../../models/efficientnet_lite0.toml")),
    ("efficientnet_lite0.safetensors", include_bytes!("../../../models/efficientnet_lite0.safetensors")),
    ("photos109.toml", include_bytes!("../../../models/photos109.toml")),
    ("photos109.safetensors", include_bytes!("../../../models/photos109.safetensors")),
    ("photos109_robust.toml", include_bytes!("../../../models/photos109_robust.toml")),
    ("photos109_robust.safetensors", include_bytes!("../../../models/photos109_robust.safetensors")),
    ("squeezenet1_1.toml", include_bytes!("../../../models/squeezenet1_1.toml")),
    ("resnet18.toml", include_bytes!("../../../models/resnet18.toml")),
    ("googlenet.toml", include_bytes!("../../../models/googlenet.toml")),
    ("mobilenet_v2.toml", include_bytes!("../../../models/mobilenet_v2.toml")),
    ("squeezenet1_1_caffe.toml", include_bytes!("../../../models/squeezenet1_1_caffe.toml")),
    ("imagenet_classes.txt", include_bytes!("../../../models/imagenet_classes.txt")),
    ("run-0000.safetensors", include_bytes!("../../../assets/runs/run-0000.safetensors")),
];

/// Returns the contents of a bundled file.
pub fn file(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(file, _)| *file == name).map(|(_, bytes)| *bytes)
}

/// Returns the contents of a bundled text.
pub fn text(name: &str) -> Option<&'static str> {
    file(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// Returns the bundled models: the stems of the manifests, in the order in which to show them.
pub fn models() -> impl Iterator<Item = &'static str> {
    FILES.iter().filter_map(|(file, _)| file.strip_suffix(".toml"))
}
