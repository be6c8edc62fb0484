"""The server's two protocols, gRPC and REST."""
