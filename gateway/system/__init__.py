"""The system's own endpoints: health, metrics, the web page's files, the models, the AsyncAPI document."""
