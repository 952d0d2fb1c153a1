"""What runs a model beside eager PyTorch on the CPU: one small module for each device."""
