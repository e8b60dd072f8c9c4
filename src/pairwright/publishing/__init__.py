"""Publishing a finished run as a data set on the Hugging Face Hub, and loading it back.

``contents`` says what is published of a run, ``texts`` what must not be, ``card_rules`` what the Hub wants of a card, ``changes`` what is new
since the last version, ``plan`` what is to be committed; ``repository`` talks to the Hub, ``push`` puts it together.
"""
