"""Models with weights of torch -> ONNX networks of their towers, checked against torch."""
