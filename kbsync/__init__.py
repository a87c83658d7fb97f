"""kbsync keeps folders of documents on a file server equal to knowledge bases in Dify."""

__version__ = "0.1.0"
