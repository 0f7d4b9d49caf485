/** The version of the whole project, from its pyproject.toml; empty where that is not beside the page. */
declare const __VERSION__: string;
