"""The system itself: health, the web page's files, the models that run, the AsyncAPI document."""
