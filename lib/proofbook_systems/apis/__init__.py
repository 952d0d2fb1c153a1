"""Drive and judge clients and servers of LLM APIs."""
