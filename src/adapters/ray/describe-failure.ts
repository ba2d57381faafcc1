import type { ApplicationDetails } from './serve-api.ts';

/** Lines of a deployment's message that are shown: a Python trace says what it is about at its end. */
const SHOWN_LINES = 12;

/** Why an application does not run, by Ray's own words, and in which files more of it stands. */
export function describeFailure({ message, deployments }: ApplicationDetails): string[] {
  const lines = lastLines(message);
  for (const [name, deployment] of Object.entries(deployments)) {
    if (deployment.status === 'HEALTHY') continue;
    lines.push(`${name} is ${deployment.status}`, ...lastLines(deployment.message).map((line) => `  ${line}`));
    for (const { state, node_ip, log_file_path } of deployment.replicas) {
      if (!log_file_path) continue;
      const file = `logs${log_file_path.startsWith('/') ? '' : '/'}${log_file_path}`;
      lines.push(`  a replica (${state}) at ${node_ip ?? '?'} writes to /tmp/ray/session_latest/${file}`);
    }
  }
  return lines;
}

function lastLines(message: string): string[] {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return lines.length > SHOWN_LINES ? ['…', ...lines.slice(-SHOWN_LINES)] : lines;
}
