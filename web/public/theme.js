// Before the first paint, so that a chosen theme or text size never flashes the other one.
try {
  const { dataset } = document.documentElement;
  const theme = localStorage.getItem('chatterbot.theme');
  if (theme === 'light' || theme === 'dark') dataset.theme = theme;
  const { textSize } = JSON.parse(localStorage.getItem('chatterbot.settings') ?? '{}');
  if (textSize === 'small' || textSize === 'large') dataset.textSize = textSize;
} catch {
  // Storage may be forbidden; the system's theme serves.
}
