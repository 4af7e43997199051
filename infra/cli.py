def main() -> None:
    print("foreshock")
