"""The loop: from prepared data and a fresh network to a trained one."""
