"""The graphs in ONNX files: parts of them, and the maps inside."""
