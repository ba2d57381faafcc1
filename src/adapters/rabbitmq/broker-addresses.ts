/** Seconds. A broker that says nothing for two of them is taken for gone. */
const HEARTBEAT = 5;

/**
 * One address per host from what an operator writes: `amqp://user:secret@a:5672,b,c/vhost`, or several whole
 * addresses with commas between. What follows the hosts holds for each of them.
 */
export function brokerAddresses(uri: string): readonly string[] {
  return uri
    .split(/,(?=amqps?:\/\/)/)
    .flatMap((part) => {
      const match = /^(?<scheme>amqps?:\/\/)(?<login>[^@/]*@)?(?<hosts>[^/?]+)(?<rest>.*)$/.exec(part.trim());
      if (!match?.groups) throw new Error('A RabbitMQ address begins with amqp:// or amqps:// and names a host.');
      const { scheme, login = '', hosts = '', rest } = match.groups;
      return hosts.split(',').map((host) => `${scheme}${login}${host.trim()}${rest}`);
    })
    .map((address) => {
      const url = new URL(address);
      if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', `${HEARTBEAT}`);
      return url.href;
    });
}
