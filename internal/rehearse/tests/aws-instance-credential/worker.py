"""What an application on an instance asks with its role: its settings, and how
its neighbours do."""
import offline

tally = offline.Tally()
tally.call(offline.client("ssm", "eu-west-1").get_parameter, Name="/shop/mode")
tally.call(offline.client("ec2", "eu-west-1").describe_instance_status)
tally.call(offline.client("sqs", "eu-west-1").get_queue_url, QueueName="shop-orders")
print("worker: %s" % tally)
